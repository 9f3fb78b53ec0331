/*
 * div: y = saturate(round(a * ratio / b)) with broadcasting, in float32.
 *
 * Semantics: "Element-wise"; ESP-DL dl/base/dl_base_div.cpp. A divisor that is repeated along the
 * innermost run divides the ratio first. Nothing is divided by zero here.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

static int32_t quotient(const espdl_div_t *d, int32_t a, int32_t b) {
  if (b == 0) {
    return a > 0 ? INT32_MAX : a < 0 ? INT32_MIN : d->zero_by_zero;
  }
  const float value =
      d->divides_first ? (float)a * (d->ratio / (float)b) : (float)a * d->ratio / (float)b;
  return espdl_round(value, d->half_even);
}

#define ESPDL_DEFINE_DIV(suffix, type)                                                    \
  static void row_##suffix(const espdl_div_t *d, const type *a, const type *b, type *y) { \
    const int32_t step_a = d->strides_a[ESPDL_BROADCAST_RANK - 1];                        \
    const int32_t step_b = d->strides_b[ESPDL_BROADCAST_RANK - 1];                        \
    const int32_t extent = d->extents[ESPDL_BROADCAST_RANK - 1];                          \
    for (int32_t i = 0; i < extent; ++i, a += step_a, b += step_b) {                      \
      y[i] = espdl_saturate_##suffix(quotient(d, *a, *b));                                \
    }                                                                                     \
  }                                                                                       \
                                                                                          \
  ESPDL_DEFINE_BROADCAST(espdl_div_##suffix, espdl_div_t, type, row_##suffix)

ESPDL_DEFINE_DIV(s8, int8_t)
ESPDL_DEFINE_DIV(s16, int16_t)
