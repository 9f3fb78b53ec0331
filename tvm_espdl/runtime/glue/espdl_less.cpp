/* less */
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
