/* mul */
#include "espdl_elementwise.hpp"

namespace {

template <typename T>
dl::base::elemwiseArgsType<T> product(const espdl_mul_t &d, const T *a, const T *b, T *y) {
  auto args = espdl::elementwise(d, a, b, y);
  args.mul_shift = d.shift;
  args.input0_scale = 1.0f; /* ESP-DL multiplies all three; their product is one power of two */
  args.input1_scale = 1.0f;
  args.output_rescale = d.scale;
  return args;
}

}  // namespace

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_mul_s8(const espdl_mul_t *d, const int8_t *a, const int8_t *b, int8_t *y) {
  auto args = product(*d, a, b, y);
  dl::base::elemwise_mul(&args);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_mul_s16(const espdl_mul_t *d, const int16_t *a, const int16_t *b,
                              int16_t *y) {
  auto args = product(*d, a, b, y);
  dl::base::elemwise_mul(&args);
}
#endif
