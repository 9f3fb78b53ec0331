/*
 * log_softmax: y = x * scale - log(sum(e)) along one axis, float32, summed in index order. For
 * 8-bit data e = exp(x * scale) from a table; for 16-bit data the largest x is subtracted first.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_log_softmax.hpp. The chip's own
 * expf and logf may differ in the last bit; here they are those of double precision, rounded once.
 */
#include "espdl_lines.h"

static void line_s8(const espdl_softmax_t *d, const int8_t *x, float *y) {
  float total = 0.0f;
  for (int32_t i = 0; i < d->extent; ++i) {
    total += d->table[x[i * d->inner] + 128];
  }
  const float logarithm = (float)log((double)total);
  for (int32_t i = 0; i < d->extent; ++i) {
    y[i * d->inner] = (float)x[i * d->inner] * d->scale - logarithm;
  }
}

static void line_s16(const espdl_softmax_t *d, const int16_t *x, float *y) {
  float total = 0.0f;
  int32_t largest = INT16_MIN;
  for (int32_t i = 0; i < d->extent; ++i) {
    const int32_t value = x[i * d->inner];
    largest = value > largest ? value : largest;
  }
  for (int32_t i = 0; i < d->extent; ++i) {
    const float above = (float)(x[i * d->inner] - largest) * d->scale;
    y[i * d->inner] = above;
    total += (float)exp((double)above);
  }
  const float logarithm = (float)log((double)total);
  for (int32_t i = 0; i < d->extent; ++i) {
    y[i * d->inner] -= logarithm;
  }
}

ESPDL_LINES(log_softmax, espdl_softmax_t, d->inner, s8, int8_t, float)
ESPDL_LINES(log_softmax, espdl_softmax_t, d->inner, s16, int16_t, float)
