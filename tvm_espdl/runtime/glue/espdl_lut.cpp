/*
 * lut by ESP-DL's lut_s8 and lut_s16_nearest_neighbor; where a 16-bit table has an entry for each
 * input, ESP-DL has no kernel.
 *
 *              with vectors             without
 *   alignment  any                      any
 *   over-read  0                        0
 *   in place   the input                the input
 *
 * Source: ESP-DL dl/base/dl_base_lut.cpp, dl/module/include/dl_module_lut.hpp and dl/base/isa.
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
