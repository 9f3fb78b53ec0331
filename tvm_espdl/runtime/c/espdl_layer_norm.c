/*
 * layer_norm: trailing dimensions brought to mean 0 and variance 1, then scaled and shifted, in
 * float32 and in index order; rounded at the end.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL
 * dl/module/include/dl_module_layer_normalization.hpp, dl/math/include/dl_math.hpp (sqrt_newton).
 */
#include "espdl_lines.h"

#define ESPDL_DEFINE_LAYER_NORM(suffix, type)                                         \
  static void line_##suffix(const espdl_layer_norm_t *d, const type *x, type *y) {    \
    const type *scale = d->scale;                                                     \
    const type *bias = d->bias;                                                       \
    int64_t sum = 0;                                                                  \
    for (int32_t i = 0; i < d->extent; ++i) {                                         \
      sum += x[i];                                                                    \
    }                                                                                 \
    const float mean = (float)((double)sum / d->extent);                              \
    float variance = 0.0f;                                                            \
    for (int32_t i = 0; i < d->extent; ++i) {                                         \
      const float difference = (float)x[i] - mean;                                    \
      variance += difference * difference;                                            \
    }                                                                                 \
    variance = variance * (d->x_unit * d->x_unit) / (float)d->extent;                 \
    const float inverse = 1.0f / espdl_newton_root(variance + d->epsilon);            \
    const float centre = mean * d->x_unit;                                            \
    for (int32_t i = 0; i < d->extent; ++i) {                                         \
      const float normalized = ((float)x[i] * d->x_unit - centre) * inverse;          \
      const float factor = scale == NULL ? 1.0f : (float)scale[i] * d->scale_unit;    \
      const float summand = bias == NULL ? 0.0f : (float)bias[i] * d->bias_unit;      \
      const float result = normalized * factor + summand;                             \
      y[i] = espdl_saturate_##suffix(espdl_round(result * d->y_scale, d->half_even)); \
    }                                                                                 \
  }                                                                                   \
  ESPDL_LINES(layer_norm, espdl_layer_norm_t, 1, suffix, type, type)

ESPDL_DEFINE_LAYER_NORM(s8, int8_t)
ESPDL_DEFINE_LAYER_NORM(s16, int16_t)
