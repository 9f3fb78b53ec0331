/*
 * mul by ESP-DL's elemwise_mul.
 *
 * ESP-DL shifts the exact product where the innermost dimension fills a vector, else it multiplies
 * in float; the descriptor says the same by `exact`, for the portable kernel.
 *
 *              with vectors                     without
 *   alignment  all                              any
 *   over-read  16 of either input               0
 *   in place   an input that is not repeated    an input that is not repeated
 *
 * Source: ESP-DL dl/base/dl_base_mul.cpp and dl/base/isa.
 */
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
