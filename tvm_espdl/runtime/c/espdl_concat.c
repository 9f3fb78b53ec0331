/*
 * concat: tensors one behind the other along an axis; the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_concat.hpp.
 */
#include <stdarg.h>
#include <string.h>

#include "espdl_kernels.h"

/*
 * How many inputs there are stands in the descriptor: the arguments are of no fixed number. A part
 * that begins at its place in the result was computed there.
 */
#define ESPDL_DEFINE_CONCAT(suffix, type)                                                \
  void espdl_concat_##suffix(const espdl_concat_t *d, ...) {                             \
    const type *parts[ESPDL_CONCAT_PARTS];                                               \
    va_list arguments;                                                                   \
    va_start(arguments, d);                                                              \
    int32_t pitch = 0;                                                                   \
    for (int32_t i = 0; i < d->parts; ++i) {                                             \
      parts[i] = va_arg(arguments, const type *);                                        \
      pitch += d->blocks[i];                                                             \
    }                                                                                    \
    type *y = va_arg(arguments, type *);                                                 \
    va_end(arguments);                                                                   \
    for (int32_t i = 0; i < d->parts; ++i) {                                             \
      const int32_t block = d->blocks[i];                                                \
      for (int32_t at = 0; y != parts[i] && at < d->outer; ++at) {                       \
        memcpy(y + at * pitch, parts[i] + at * block, (size_t)block * sizeof(type));     \
      }                                                                                  \
      y += block;                                                                        \
    }                                                                                    \
  }

ESPDL_DEFINE_CONCAT(s8, int8_t)
ESPDL_DEFINE_CONCAT(s16, int16_t)
