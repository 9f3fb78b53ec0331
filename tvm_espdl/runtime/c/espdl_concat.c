/*
 * concat: tensors one behind the other along an axis; the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_concat.hpp.
 */
#include <stdarg.h>
#include <string.h>

#include "espdl_kernels.h"

/* How many inputs there are stands in the descriptor: the arguments are of no fixed number. */
#define ESPDL_DEFINE_CONCAT(suffix, type)                                                \
  void espdl_concat_##suffix(const espdl_concat_t *d, ...) {                             \
    const type *parts[ESPDL_CONCAT_PARTS];                                               \
    va_list arguments;                                                                   \
    va_start(arguments, d);                                                              \
    for (int32_t i = 0; i < d->parts; ++i) {                                             \
      parts[i] = va_arg(arguments, const type *);                                        \
    }                                                                                    \
    type *y = va_arg(arguments, type *);                                                 \
    va_end(arguments);                                                                   \
    for (int32_t outer = 0; outer < d->outer; ++outer) {                                 \
      for (int32_t i = 0; i < d->parts; ++i) {                                           \
        memcpy(y, parts[i] + outer * d->blocks[i], (size_t)d->blocks[i] * sizeof(type)); \
        y += d->blocks[i];                                                               \
      }                                                                                  \
    }                                                                                    \
  }

ESPDL_DEFINE_CONCAT(s8, int8_t)
ESPDL_DEFINE_CONCAT(s16, int16_t)
