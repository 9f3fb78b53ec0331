/*
 * dequantize: y = float(x) * scale with scale = 2^exponent.
 */
#include "espdl_pointwise.h"
#include "espdl_rescale.h"

#define DEQUANTIZED(suffix, d, v) espdl_dequantized(v, (d)->scale)

ESPDL_ELEMENTWISE(dequantize_s8, espdl_rescale_t, s8, int8_t, float, DEQUANTIZED)
ESPDL_ELEMENTWISE(dequantize_s16, espdl_rescale_t, s16, int16_t, float, DEQUANTIZED)
