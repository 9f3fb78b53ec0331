/*
 * requantize: y = saturate(round(x >> shift)); a shift of 0 only saturates.
 *
 * Semantics: "Quantize, dequantize, requantize"; ESP-DL dl/base/dl_base_requantize_linear.cpp.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* The descriptor is copied, for the compiler has to expect that a store to y changes it. */
#define ESPDL_DEFINE_REQUANTIZE(from, from_type, to, to_type)                            \
  void espdl_requantize_##from##_##to(const espdl_requantize_t *d, const from_type *x,   \
                                      to_type *y) {                                      \
    const espdl_requantize_t own = *d;                                                   \
    for (int32_t i = 0; i < own.size; ++i) {                                             \
      y[i] = espdl_saturate_##to(espdl_shift_and_round(x[i], own.shift, own.half_even)); \
    }                                                                                    \
  }

ESPDL_DEFINE_REQUANTIZE(s8, int8_t, s8, int8_t)
ESPDL_DEFINE_REQUANTIZE(s8, int8_t, s16, int16_t)
ESPDL_DEFINE_REQUANTIZE(s16, int16_t, s8, int8_t)
ESPDL_DEFINE_REQUANTIZE(s16, int16_t, s16, int16_t)
