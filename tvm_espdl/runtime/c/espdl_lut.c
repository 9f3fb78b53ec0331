/*
 * lut: y = table[x + 128]; for 16-bit data the entry nearest to x, not interpolated.
 *
 * Semantics: "Activations"; ESP-DL dl/base/dl_base_lut.cpp.
 */
#include "espdl_pointwise.h"

#define ENTRY_S8(suffix, d, v) ((const int8_t *)(d)->table)[(v) - INT8_MIN]
#define ENTRY_S16(suffix, d, v) \
  ((const int16_t *)(d)->table)[espdl_shift_and_round((v) - INT16_MIN, (d)->shift, (d)->half_even)]

ESPDL_S8(ESPDL_ELEMENTWISE(lut_s8, espdl_lut_t, s8, int8_t, int8_t, ENTRY_S8))
ESPDL_S16(ESPDL_ELEMENTWISE(lut_s16, espdl_lut_t, s16, int16_t, int16_t, ENTRY_S16))
