/*
 * dequantize: y = float(x) * scale with scale = 2^exponent.
 *
 * Semantics: "Quantize, dequantize, requantize"; ESP-DL TensorBase::assign in
 * dl/tensor/src/dl_tensor_base.cpp.
 */
#include "espdl_pointwise.h"

#define DEQUANTIZED(suffix, d, v) ((float)(v) * (d)->scale)

ESPDL_ELEMENTWISE(dequantize_s8, espdl_rescale_t, s8, int8_t, float, DEQUANTIZED)
ESPDL_ELEMENTWISE(dequantize_s16, espdl_rescale_t, s16, int16_t, float, DEQUANTIZED)
