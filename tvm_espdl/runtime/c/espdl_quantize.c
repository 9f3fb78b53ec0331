/*
 * quantize: y = saturate(round(x * scale)) with scale = 2^-exponent; NaN gives the largest integer.
 *
 * Semantics: "Quantize, dequantize, requantize"; ESP-DL TensorBase::assign in
 * dl/tensor/src/dl_tensor_base.cpp.
 */
#include "espdl_pointwise.h"

/* A product with the scale is a step of the exponent; only extreme scales need the product. */
static inline int32_t quantized(const espdl_rescale_t *d, float value) {
  const int32_t power = espdl_power_of(d->scale);
  return power > -127 && power < 126 ? espdl_round_scaled(value, power, d->half_even)
                                     : espdl_round(value * d->scale, d->half_even);
}

#define QUANTIZED(suffix, d, v) espdl_saturate_##suffix(quantized(d, v))

ESPDL_ELEMENTWISE(quantize_s8, espdl_rescale_t, s8, float, int8_t, QUANTIZED)
ESPDL_ELEMENTWISE(quantize_s16, espdl_rescale_t, s16, float, int16_t, QUANTIZED)
