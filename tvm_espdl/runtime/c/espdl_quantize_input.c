/*
 * quantize_input: as quantize, of floats in the model's layout, to integers in the chip's.
 */
#include "espdl_border_walk.h"

#define QUANTIZED(suffix, d, v) \
  espdl_saturate_##suffix(espdl_quantized(v, (d)->scale, (d)->half_even))

ESPDL_BORDER(quantize_input, s8, float, int8_t, QUANTIZED)
ESPDL_BORDER(quantize_input, s16, float, int16_t, QUANTIZED)
