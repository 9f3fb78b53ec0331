/*
 * pixel_table: y[pixel][channel] = table[channel][x[pixel][channel]], which holds what the chip's
 * quantize gives for each shade.
 */
#include "espdl_kernels.h"

#define ESPDL_SHADES 256

/* The descriptor is copied, for the compiler has to expect that a store to y changes it. */
#define ESPDL_PIXEL_TABLE(suffix, type)                                                            \
  void espdl_pixel_table_##suffix(const espdl_pixel_table_t *d, const uint8_t *x, type *y) {       \
    const espdl_pixel_table_t own = *d;                                                            \
    for (int32_t pixel = 0; pixel < own.pixels; ++pixel) {                                         \
      const type *table = (const type *)own.table;                                                 \
      for (int32_t channel = 0; channel < own.channels; ++channel, table += ESPDL_SHADES) {        \
        y[pixel * own.pixel_stride + channel * own.channel_stride] = table[*x++];                  \
      }                                                                                            \
    }                                                                                              \
  }

ESPDL_PIXEL_TABLE(s8, int8_t)
ESPDL_PIXEL_TABLE(s16, int16_t)
