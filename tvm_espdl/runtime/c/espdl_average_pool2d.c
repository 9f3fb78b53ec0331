/*
 * average_pool2d: y = saturate(round(float(sum) * factor)), global or not. The divisor inside the
 * factor is the whole kernel, also at the border.
 *
 * Semantics: "Pooling"; ESP-DL dl/base/dl_base_avg_pool2d.cpp with CONFIG_ACCURATE_INFER = 1.
 */
#include "espdl_arithmetic.h"
#include "espdl_window.h"

#define ADD(i) sum_##i += values[i];

/* 32 bits hold the sum of 2^24 values of 8 bits; of 16 bits, that of 2^16 ones. */
#define ESPDL_DEFINE_AVERAGE_POOL(suffix, type, sum_type)                                   \
  static void averages_##suffix(const espdl_pool_t *d, const sum_type *sums, int32_t count, \
                                type *y) {                                                  \
    for (int32_t i = 0; i < count; ++i) {                                                   \
      const bool small = sums[i] == (int32_t)sums[i];                                       \
      const float sum = small ? (float)(int32_t)sums[i] : (float)sums[i];                   \
      y[i] = espdl_saturate_##suffix(espdl_round(sum * d->factor, d->half_even));           \
    }                                                                                       \
  }                                                                                         \
                                                                                            \
  static void one_##suffix(const espdl_pool_t *d, const espdl_inside_t *inside,             \
                           const type *x, type *y) {                                        \
    sum_type sum_0 = 0;                                                                     \
    ESPDL_OVER_WINDOW(type, inside, x, ADD(0))                                              \
    averages_##suffix(d, &sum_0, 1, y);                                                     \
  }                                                                                         \
                                                                                            \
  static void four_##suffix(const espdl_pool_t *d, const espdl_inside_t *inside,            \
                            const type *x, type *y) {                                       \
    sum_type sum_0 = 0, sum_1 = 0, sum_2 = 0, sum_3 = 0;                                    \
    ESPDL_OVER_WINDOW(type, inside, x, ADD(0) ADD(1) ADD(2) ADD(3))                         \
    const sum_type sums[] = {sum_0, sum_1, sum_2, sum_3};                                   \
    averages_##suffix(d, sums, 4, y);                                                       \
  }                                                                                         \
                                                                                            \
  ESPDL_POOL(average_pool2d, suffix, type)

ESPDL_DEFINE_AVERAGE_POOL(s8, int8_t, int32_t)
ESPDL_DEFINE_AVERAGE_POOL(s16, int16_t, int64_t)
