/*
 * softmax: y = e / sum(e) along one axis, float32, summed in index order. For 8-bit data
 * e = exp(x * scale) from a table; for 16-bit data the largest x is subtracted first.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_softmax.hpp. The chip's own expf
 * may differ in the last bit; here it is the double-precision exp, rounded once.
 */
#include "espdl_lines.h"

/* The exponentials in y become probabilities. */
static void divide(const espdl_softmax_t *d, float total, float *y) {
  for (int32_t i = 0; i < d->extent; ++i) {
    y[i * d->inner] /= total;
  }
}

static void line_s8(const espdl_softmax_t *d, const int8_t *x, float *y) {
  float total = 0.0f;
  for (int32_t i = 0; i < d->extent; ++i) {
    const float exponential = d->table[x[i * d->inner] + 128];
    y[i * d->inner] = exponential;
    total += exponential;
  }
  divide(d, total, y);
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
    const float exponential = (float)exp((double)above);
    y[i * d->inner] = exponential;
    total += exponential;
  }
  divide(d, total, y);
}

ESPDL_LINES(softmax, espdl_softmax_t, d->inner, s8, int8_t, float)
ESPDL_LINES(softmax, espdl_softmax_t, d->inner, s16, int16_t, float)
