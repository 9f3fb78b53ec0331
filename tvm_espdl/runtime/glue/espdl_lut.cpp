/*
 * lut by ESP-DL's lut_s8 and lut_s16_nearest_neighbor. A 16-bit table with an entry for each value
 * needs no kernel.
 *
 * TABLE
 */
#include "espdl_glue.hpp"

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_lut_s8(const espdl_lut_t *d, const int8_t *x, int8_t *y) {
  dl::base::lut_s8(y, x, d->size, static_cast<const int8_t *>(d->table));
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_lut_s16(const espdl_lut_t *d, const int16_t *x, int16_t *y) {
  const int16_t *table = static_cast<const int16_t *>(d->table);
  if (d->shift != 0) {
    dl::base::lut_s16_nearest_neighbor(y, x, d->size, table, 1 << d->shift);
    return;
  }
  const int size = d->size;
  for (int i = 0; i < size; ++i) {
    y[i] = table[x[i] - INT16_MIN];
  }
}
#endif
