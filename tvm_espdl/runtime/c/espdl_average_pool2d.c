/*
 * average_pool2d: y = saturate(round(float(sum) * factor)), global or not. The divisor inside the
 * factor is the whole kernel, also at the border.
 *
 * Semantics: "Pooling"; ESP-DL dl/base/dl_base_avg_pool2d.cpp with CONFIG_ACCURATE_INFER = 1.
 */
#include "espdl_arithmetic.h"
#include "espdl_window.h"

/* Channels that are summed together, in memory order and with a small stack. */
#define CHANNELS 16

/* 32 bits hold the sum of 2^24 values of 8 bits, but only of 2^16 values of 16 bits. */
#define ESPDL_DEFINE_AVERAGE_POOL(suffix, type, sum_type)                                    \
  static void channels_##suffix(const espdl_pool_t *d, const type *x, espdl_taps_t rows,     \
                                espdl_taps_t columns, int32_t count, type *y) {              \
    sum_type sums[CHANNELS] = {0};                                                           \
    for (int32_t row = rows.first; row < rows.end; ++row) {                                  \
      for (int32_t column = columns.first; column < columns.end; ++column) {                 \
        const int32_t at = (rows.origin + row) * d->input_width + columns.origin + column;   \
        const type *values = x + at * d->channels;                                           \
        for (int32_t i = 0; i < count; ++i) {                                                \
          sums[i] += values[i];                                                              \
        }                                                                                    \
      }                                                                                      \
    }                                                                                        \
    for (int32_t i = 0; i < count; ++i) {                                                    \
      y[i] = espdl_saturate_##suffix(espdl_round((float)sums[i] * d->factor, d->half_even)); \
    }                                                                                        \
  }                                                                                          \
  static void pixel_##suffix(const espdl_pool_t *d, const type *x, espdl_taps_t rows,        \
                             espdl_taps_t columns, type *y) {                                \
    for (int32_t first = 0; first < d->channels; first += CHANNELS) {                        \
      const int32_t left = d->channels - first;                                              \
      const int32_t count = left < CHANNELS ? left : CHANNELS;                               \
      channels_##suffix(d, x + first, rows, columns, count, y + first);                      \
    }                                                                                        \
  }                                                                                          \
                                                                                             \
  ESPDL_POOL(average_pool2d, suffix, type)

ESPDL_DEFINE_AVERAGE_POOL(s8, int8_t, int32_t)
ESPDL_DEFINE_AVERAGE_POOL(s16, int16_t, int64_t)
