/*
 * lut: y = table[x + 128]; for 16-bit data the entry nearest to x, not interpolated.
 *
 * Semantics: "Activations"; ESP-DL dl/base/dl_base_lut.cpp.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

void espdl_lut_s8(const espdl_lut_t *d, const int8_t *x, int8_t *y) {
  const int8_t *table = d->table;
  const int32_t size = d->size;
  for (int32_t i = 0; i < size; ++i) {
    y[i] = table[x[i] - INT8_MIN];
  }
}

void espdl_lut_s16(const espdl_lut_t *d, const int16_t *x, int16_t *y) {
  const int16_t *table = d->table;
  const espdl_lut_t own = *d;
  for (int32_t i = 0; i < own.size; ++i) {
    const int32_t place = x[i] - INT16_MIN;
    y[i] = table[espdl_shift_and_round(place, own.shift, own.half_even)];
  }
}
