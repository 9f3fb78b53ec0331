/*
 * sub: y = activation(saturate(a - b)) with broadcasting.
 *
 * Semantics: "Element-wise"; ESP-DL dl/base/dl_base_sub.cpp and dl_base_elemwise.cpp. Exponents
 * are not read: the compiler only lets equal ones through.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

#define ESPDL_DEFINE_SUB(suffix, type)                                                       \
  static void row_##suffix(const espdl_binary_t *d, const type *a, const type *b, type *y) { \
    const int32_t step_a = d->strides_a[ESPDL_BROADCAST_RANK - 1];                           \
    const int32_t step_b = d->strides_b[ESPDL_BROADCAST_RANK - 1];                           \
    const int32_t extent = d->extents[ESPDL_BROADCAST_RANK - 1];                             \
    const int32_t lowest = d->relu ? 0 : INT32_MIN;                                          \
    for (int32_t i = 0; i < extent; ++i, a += step_a, b += step_b) {                         \
      const int32_t difference = *a - *b;                                                    \
      y[i] = espdl_saturate_##suffix(difference < lowest ? lowest : difference);             \
    }                                                                                        \
  }                                                                                          \
                                                                                             \
  ESPDL_DEFINE_BROADCAST(espdl_sub_##suffix, espdl_binary_t, type, row_##suffix)

ESPDL_DEFINE_SUB(s8, int8_t)
ESPDL_DEFINE_SUB(s16, int16_t)
