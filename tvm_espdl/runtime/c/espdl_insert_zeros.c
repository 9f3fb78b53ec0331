/*
 * insert_zeros: the pixels of an image move apart, and zeros fill what is between and behind them.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_insert_zeros.hpp.
 */
#include <stddef.h>
#include <string.h>

#include "espdl_kernels.h"

#define ESPDL_DEFINE_INSERT_ZEROS(suffix, type)                                             \
  void espdl_insert_zeros_##suffix(const espdl_insert_zeros_t *d, const type *x, type *y) { \
    const size_t pixel = (size_t)d->channels * sizeof *x;                                   \
    memset(y, 0, (size_t)d->output_height * (size_t)d->output_width * pixel);               \
    for (int32_t row = 0; row < d->input_height; ++row) {                                   \
      type *to = y + row * d->stride_y * d->output_width * d->channels;                     \
      for (int32_t column = 0; column < d->input_width; ++column) {                         \
        memcpy(to, x, pixel);                                                               \
        x += d->channels;                                                                   \
        to += d->stride_x * d->channels;                                                    \
      }                                                                                     \
    }                                                                                       \
  }

ESPDL_DEFINE_INSERT_ZEROS(s8, int8_t)
ESPDL_DEFINE_INSERT_ZEROS(s16, int16_t)
