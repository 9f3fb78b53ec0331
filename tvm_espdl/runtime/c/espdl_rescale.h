/*
 * An element between float and integer at an exponent, as ESP-DL's TensorBase::assign has it
 * (semantics: "Quantize, dequantize, requantize"; dl/tensor/src/dl_tensor_base.cpp).
 */
#ifndef ESPDL_RESCALE_H
#define ESPDL_RESCALE_H

#include <string.h>

#include "espdl_arithmetic.h"

/* round(value * scale). A product with the scale is a step of the exponent, but for extreme ones. */
static inline int32_t espdl_quantized(float value, float scale, int32_t half_even) {
  const int32_t power = espdl_power_of(scale);
  return power > -127 && power < 126 ? espdl_round_scaled(value, power, half_even)
                                     : espdl_round(value * scale, half_even);
}

/* value * scale. It is a step of the exponent, but for 0 and where the exponent ends. */
static inline float espdl_dequantized(int32_t value, float scale) {
  const int32_t power = espdl_power_of(scale);
  float real = (float)value;
  if (value == 0 || power <= -127 || power > 127 - 16) {
    return real * scale;
  }
  uint32_t bits;
  memcpy(&bits, &real, sizeof bits);
  bits += (uint32_t)power << 23;
  memcpy(&real, &bits, sizeof real);
  return real;
}

#endif
