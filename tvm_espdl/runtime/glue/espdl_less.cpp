/*
 * less by ESP-DL's elemwise_less; a result is a byte, 0 or 1.
 *
 *              with vectors                     without
 *   alignment  all                              any
 *   over-read  16 of either input               0
 *   in place   none                             none
 *
 * Source: ESP-DL dl/base/dl_base_less.cpp and dl/base/isa.
 */
#include "espdl_elementwise.hpp"

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_less_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, bool *y) {
  auto args = espdl::elementwise(*d, a, b, y);
  dl::base::elemwise_less(&args);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_less_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b,
                               bool *y) {
  auto args = espdl::elementwise(*d, a, b, y);
  dl::base::elemwise_less(&args);
}
#endif
