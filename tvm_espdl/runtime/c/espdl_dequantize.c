/*
 * dequantize: y = float(x) * scale with scale = 2^exponent.
 *
 * Semantics: "Quantize, dequantize, requantize"; ESP-DL TensorBase::assign in
 * dl/tensor/src/dl_tensor_base.cpp.
 */
#include "espdl_pointwise.h"

/* A product with the scale is a step of the exponent, but for 0 and where the exponent ends. */
static inline float dequantized(const espdl_rescale_t *d, int32_t value) {
  const int32_t power = espdl_power_of(d->scale);
  float real = (float)value;
  if (value == 0 || power <= -127 || power > 127 - 16) {
    return real * d->scale;
  }
  uint32_t bits;
  memcpy(&bits, &real, sizeof bits);
  bits += (uint32_t)power << 23;
  memcpy(&real, &bits, sizeof real);
  return real;
}

#define DEQUANTIZED(suffix, d, v) dequantized(d, v)

ESPDL_ELEMENTWISE(dequantize_s8, espdl_rescale_t, s8, int8_t, float, DEQUANTIZED)
ESPDL_ELEMENTWISE(dequantize_s16, espdl_rescale_t, s16, int16_t, float, DEQUANTIZED)
