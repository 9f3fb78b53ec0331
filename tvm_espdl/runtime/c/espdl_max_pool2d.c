/*
 * max_pool2d: the largest value of each window inside the image; padding never wins.
 *
 * Semantics: "Pooling"; ESP-DL dl/base/dl_base_max_pool2d.cpp. Exponents are not read: the
 * compiler only lets equal ones through.
 */
#include "espdl_window.h"

#define ESPDL_DEFINE_MAX_POOL(suffix, type, lowest)                                        \
  static void pixel_##suffix(const espdl_pool_t *d, const type *x, espdl_taps_t rows,      \
                             espdl_taps_t columns, type *y) {                              \
    const int32_t channels = d->channels; /* a store to y could change what d says */      \
    for (int32_t i = 0; i < channels; ++i) {                                               \
      y[i] = lowest;                                                                       \
    }                                                                                      \
    for (int32_t row = rows.first; row < rows.end; ++row) {                                \
      for (int32_t column = columns.first; column < columns.end; ++column) {               \
        const int32_t at = (rows.origin + row) * d->input_width + columns.origin + column; \
        const type *values = x + at * channels;                                            \
        for (int32_t i = 0; i < channels; ++i) {                                           \
          if (values[i] > y[i]) {                                                          \
            y[i] = values[i];                                                              \
          }                                                                                \
        }                                                                                  \
      }                                                                                    \
    }                                                                                      \
  }                                                                                        \
  ESPDL_POOL(max_pool2d, suffix, type)

ESPDL_S8(ESPDL_DEFINE_MAX_POOL(s8, int8_t, INT8_MIN))
ESPDL_S16(ESPDL_DEFINE_MAX_POOL(s16, int16_t, INT16_MIN))
