/*
 * neg: y = saturate(-x).
 *
 * Semantics: "Element-wise"; ESP-DL dl/module/include/dl_module_neg.hpp.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

#define ESPDL_DEFINE_NEG(suffix, type)                                    \
  void espdl_neg_##suffix(const espdl_neg_t *d, const type *x, type *y) { \
    const int32_t size = d->size;                                         \
    for (int32_t i = 0; i < size; ++i) {                                  \
      y[i] = espdl_saturate_##suffix(-(int32_t)x[i]);                     \
    }                                                                     \
  }

ESPDL_DEFINE_NEG(s8, int8_t)
ESPDL_DEFINE_NEG(s16, int16_t)
