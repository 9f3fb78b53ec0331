/*
 * quantize: y = saturate(round(x * scale)) with scale = 2^-exponent; NaN gives the largest integer.
 *
 * Semantics: "Quantize, dequantize, requantize"; ESP-DL TensorBase::assign in
 * dl/tensor/src/dl_tensor_base.cpp.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* The descriptor is copied, for the compiler has to expect that a store to y changes it. */
#define ESPDL_DEFINE_QUANTIZE(suffix, type)                                         \
  void espdl_quantize_##suffix(const espdl_rescale_t *d, const float *x, type *y) { \
    const espdl_rescale_t own = *d;                                                 \
    for (int32_t i = 0; i < own.size; ++i) {                                        \
      y[i] = espdl_saturate_##suffix(espdl_round(x[i] * own.scale, own.half_even)); \
    }                                                                               \
  }

ESPDL_DEFINE_QUANTIZE(s8, int8_t)
ESPDL_DEFINE_QUANTIZE(s16, int16_t)
