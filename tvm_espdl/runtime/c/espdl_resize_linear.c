/*
 * resize_linear: rows are combined horizontally, then vertically, in float; a signal has one row.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/base/dl_base_resize.cpp. No product may be
 * joined with a sum: build with -ffp-contract=off.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

static float mixed(float first, float second, float weight) {
  const float one = first * (1.0f - weight);
  const float other = second * weight;
  return one + other;
}

static float across(const espdl_resize_linear_t *d, const int8_t *x, float weight) {
  const float left = (float)x[0] * d->input_scale;
  const float right = (float)x[d->channels] * d->input_scale;
  return mixed(left, right, weight);
}

void espdl_resize_linear_s8(const espdl_resize_linear_t *d, const int8_t *x, int8_t *y) {
  const int32_t line = d->input_width * d->channels;
  for (int32_t row = 0; row < d->output_height; ++row) {
    for (int32_t column = 0; column < d->output_width; ++column) {
      const int8_t *pixel = x + d->rows[row] * line + d->columns[column] * d->channels;
      for (int32_t i = 0; i < d->channels; ++i) {
        float value = across(d, pixel + i, d->right[column]);
        if (d->input_height > 1) {
          const float lower = across(d, pixel + line + i, d->right[column]);
          value = mixed(value, lower, d->below[row]);
        }
        *y++ = espdl_saturate_s8(espdl_round(value * d->output_scale, d->half_even));
      }
    }
  }
}
