/*
 * maximum by ESP-DL's elemwise_max; on the ESP32-S3 it is C++, as without vectors.
 *
 *              ESP32-P4, ESP32-S31              others
 *   alignment  all                              any
 *   over-read  16 of either input               0
 *   in place   an input that is not repeated    an input that is not repeated
 *
 * Source: ESP-DL dl/base/dl_base_max.cpp and dl/base/isa/esp32p4.
 */
#include "espdl_elementwise.hpp"

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_maximum_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b,
                                 int8_t *y) {
  auto args = espdl::elementwise(*d, a, b, y);
  dl::base::elemwise_max(&args);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_maximum_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b,
                                  int16_t *y) {
  auto args = espdl::elementwise(*d, a, b, y);
  dl::base::elemwise_max(&args);
}
#endif
