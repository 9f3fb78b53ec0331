/*
 * rms_norm: trailing dimensions divided by their root mean square, then scaled, in float32 and
 * rounded at the end; the sum of squares is exact.
 *
 * Semantics: ESP-DL dl/module/include/dl_module_rms_normalization.hpp, dl/base/dl_base_norm.cpp.
 */
#include "espdl_lines.h"

#define ESPDL_DEFINE_RMS_NORM(suffix, type)                                      \
  static void line_##suffix(const espdl_rms_norm_t *d, const type *x, type *y) { \
    int64_t sum = 0;                                                             \
    for (int32_t i = 0; i < d->extent; ++i) {                                    \
      sum += (int64_t)x[i] * x[i];                                               \
    }                                                                            \
    const float mean = (float)sum * d->square_unit / (float)d->extent;           \
    const float inverse = 1.0f / sqrtf(mean + d->epsilon) * d->ratio;            \
    for (int32_t i = 0; i < d->extent; ++i) {                                    \
      const float result = (float)x[i] * inverse * d->scale[i];                  \
      y[i] = espdl_saturate_##suffix(espdl_round(result, d->half_even));         \
    }                                                                            \
  }                                                                              \
  ESPDL_LINES(rms_norm, espdl_rms_norm_t, 1, suffix, type, type)

ESPDL_DEFINE_RMS_NORM(s8, int8_t)
ESPDL_DEFINE_RMS_NORM(s16, int16_t)
