/* maximum */
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
