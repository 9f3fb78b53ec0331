/*
 * resize_nearest: every pixel of the result is one of the image, shifted to its exponent.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/base/dl_base_resize.cpp. The plain C chips
 * take results modulo 2^8, those with vectors saturate.
 */
#include <string.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

static int8_t finished(const espdl_resize_nearest_t *d, int8_t value) {
  const int64_t shifted = espdl_shift_and_round(value, d->shift, d->half_even);
  return d->wraps ? (int8_t)(uint8_t)(uint64_t)shifted : espdl_saturate_s8(shifted);
}

void espdl_resize_nearest_s8(const espdl_resize_nearest_t *d, const int8_t *x, int8_t *y) {
  for (int32_t row = 0; row < d->output_height; ++row) {
    const int8_t *line = x + d->rows[row] * d->input_width * d->channels;
    for (int32_t column = 0; column < d->output_width; ++column, y += d->channels) {
      const int8_t *pixel = line + d->columns[column] * d->channels;
      if (d->shift == 0) {
        memcpy(y, pixel, (size_t)d->channels);
        continue;
      }
      for (int32_t i = 0; i < d->channels; ++i) {
        y[i] = finished(d, pixel[i]);
      }
    }
  }
}
