/*
 * dequantize_output: as dequantize, of integers in the chip's layout, to floats in the model's.
 */
#include "espdl_border_walk.h"

#define DEQUANTIZED(suffix, d, v) espdl_dequantized(v, (d)->scale)

ESPDL_BORDER(dequantize_output, s8, int8_t, float, DEQUANTIZED)
ESPDL_BORDER(dequantize_output, s16, int16_t, float, DEQUANTIZED)
