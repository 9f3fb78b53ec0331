/*
 * lp_norm: vectors along an axis divided by the sum of their absolute values or by their length,
 * in float32; zero where the norm is.
 *
 * Semantics: ESP-DL dl/module/include/dl_module_lp_normalization.hpp. Absolute values are added up
 * in float32 and in index order; the sum of squares is exact.
 */
#include "espdl_lines.h"

static float inverse_of(const espdl_lp_norm_t *d, int64_t squares, float magnitudes) {
  const float norm = d->squares ? sqrtf((float)squares) : magnitudes;
  return norm > 0.0f ? 1.0f / norm * d->output_scale : 0.0f;
}

#define ESPDL_DEFINE_LP_NORM(suffix, type)                                          \
  static void line_##suffix(const espdl_lp_norm_t *d, const type *x, type *y) {     \
    int64_t squares = 0;                                                            \
    float magnitudes = 0.0f;                                                        \
    for (int32_t i = 0; i < d->extent; ++i) {                                       \
      const int32_t value = x[i * d->inner];                                        \
      squares += (int64_t)value * value;                                            \
      magnitudes += (float)(value < 0 ? -value : value);                            \
    }                                                                               \
    const float inverse = inverse_of(d, squares, magnitudes);                       \
    for (int32_t i = 0; i < d->extent; ++i) {                                       \
      const float result = (float)x[i * d->inner] * inverse;                        \
      y[i * d->inner] = espdl_saturate_##suffix(espdl_round(result, d->half_even)); \
    }                                                                               \
  }                                                                                 \
  ESPDL_LINES(lp_norm, espdl_lp_norm_t, d->inner, suffix, type, type)

ESPDL_DEFINE_LP_NORM(s8, int8_t)
ESPDL_DEFINE_LP_NORM(s16, int16_t)
