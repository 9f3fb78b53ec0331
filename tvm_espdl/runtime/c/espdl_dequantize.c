/*
 * dequantize: y = float(x) * scale with scale = 2^exponent.
 *
 * Semantics: "Quantize, dequantize, requantize"; ESP-DL TensorBase::assign in
 * dl/tensor/src/dl_tensor_base.cpp.
 */
#include "espdl_kernels.h"

/* The descriptor is copied, for the compiler has to expect that a store to y changes it. */
#define ESPDL_DEFINE_DEQUANTIZE(suffix, type)                                         \
  void espdl_dequantize_##suffix(const espdl_rescale_t *d, const type *x, float *y) { \
    const espdl_rescale_t own = *d;                                                   \
    for (int32_t i = 0; i < own.size; ++i) {                                          \
      y[i] = (float)x[i] * own.scale;                                                 \
    }                                                                                 \
  }

ESPDL_DEFINE_DEQUANTIZE(s8, int8_t)
ESPDL_DEFINE_DEQUANTIZE(s16, int16_t)
