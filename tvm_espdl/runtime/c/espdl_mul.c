/*
 * mul: y = saturate(round(a * b / 2^shift)) with broadcasting.
 *
 * Semantics: "Element-wise"; ESP-DL dl/base/dl_base_mul.cpp. The vector kernels shift the exact
 * product; plain C++ rounds it to float32 first, which an int16 product can notice.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

static int64_t scaled(const espdl_mul_t *d, int32_t product) {
  if (d->exact) {
    return espdl_shift_and_round(product, d->shift, d->half_even);
  }
  return espdl_round((float)product * d->scale, d->half_even);
}

#define ESPDL_DEFINE_MUL(suffix, type)                                                    \
  static void row_##suffix(const espdl_mul_t *d, const type *a, const type *b, type *y) { \
    const int32_t step_a = d->strides_a[ESPDL_BROADCAST_RANK - 1];                        \
    const int32_t step_b = d->strides_b[ESPDL_BROADCAST_RANK - 1];                        \
    const int32_t extent = d->extents[ESPDL_BROADCAST_RANK - 1];                          \
    for (int32_t i = 0; i < extent; ++i, a += step_a, b += step_b) {                      \
      y[i] = espdl_saturate_##suffix(scaled(d, (int32_t)*a * (int32_t)*b));               \
    }                                                                                     \
  }                                                                                       \
                                                                                          \
  ESPDL_DEFINE_BROADCAST(espdl_mul_##suffix, espdl_mul_t, type, row_##suffix)

ESPDL_DEFINE_MUL(s8, int8_t)
ESPDL_DEFINE_MUL(s16, int16_t)
