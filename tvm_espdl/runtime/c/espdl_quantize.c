/*
 * quantize: y = saturate(round(x * scale)) with scale = 2^-exponent; NaN gives the largest integer.
 */
#include "espdl_pointwise.h"
#include "espdl_rescale.h"

#define QUANTIZED(suffix, d, v) \
  espdl_saturate_##suffix(espdl_quantized(v, (d)->scale, (d)->half_even))

ESPDL_ELEMENTWISE(quantize_s8, espdl_rescale_t, s8, float, int8_t, QUANTIZED)
ESPDL_ELEMENTWISE(quantize_s16, espdl_rescale_t, s16, float, int16_t, QUANTIZED)
