/*
 * requantize: y = saturate(round(x >> shift)); a shift of 0 only saturates.
 *
 * Semantics: "Quantize, dequantize, requantize"; ESP-DL dl/base/dl_base_requantize_linear.cpp.
 */
#include "espdl_pointwise.h"

#define REQUANTIZED(suffix, d, v) \
  espdl_saturate_##suffix(espdl_shift_and_round(v, (d)->shift, (d)->half_even))

ESPDL_S8(ESPDL_TABULATED(requantize_s8_s8, espdl_requantize_t, REQUANTIZED)
         ESPDL_ELEMENTWISE(requantize_s8_s16, espdl_requantize_t, s16, int8_t, int16_t,
                           REQUANTIZED))
ESPDL_S16(ESPDL_ELEMENTWISE(requantize_s16_s8, espdl_requantize_t, s8, int16_t, int8_t,
                            REQUANTIZED)
          ESPDL_ELEMENTWISE(requantize_s16_s16, espdl_requantize_t, s16, int16_t, int16_t,
                            REQUANTIZED))
