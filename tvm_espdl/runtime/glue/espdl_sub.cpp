/*
 * sub by ESP-DL's elemwise_sub, which knows no ReLU: where there is one, it follows.
 *
 *              with vectors                     without
 *   alignment  all                              any
 *   over-read  16 of either input               0
 *   in place   an input that is not repeated    an input that is not repeated
 *
 * Source: ESP-DL dl/base/dl_base_sub.cpp and dl/base/isa.
 */
#include "espdl_elementwise.hpp"

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_sub_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, int8_t *y) {
  auto args = espdl::elementwise(*d, a, b, y);
  dl::base::elemwise_sub(&args);
  if (d->relu) {
    espdl::relu(y, espdl::size_of(*d));
  }
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_sub_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b,
                              int16_t *y) {
  auto args = espdl::elementwise(*d, a, b, y);
  dl::base::elemwise_sub(&args);
  if (d->relu) {
    espdl::relu(y, espdl::size_of(*d));
  }
}
#endif
