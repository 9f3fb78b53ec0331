/*
 * gather: the slices of one axis that constant indices name; the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_gather.hpp.
 */
#include <string.h>

#include "espdl_kernels.h"

#define ESPDL_DEFINE_GATHER(suffix, type)                                            \
  void espdl_gather_##suffix(const espdl_gather_t *d, const type *x, type *y) {      \
    for (int32_t outer = 0; outer < d->outer; ++outer) {                             \
      for (int32_t i = 0; i < d->count; ++i, y += d->inner) {                        \
        const int32_t slice = outer * d->extent + d->indices[i];                     \
        memcpy(y, x + slice * d->inner, (size_t)d->inner * sizeof(type));            \
      }                                                                              \
    }                                                                                \
  }

ESPDL_DEFINE_GATHER(s8, int8_t)
ESPDL_DEFINE_GATHER(s16, int16_t)
