/*
 * requantize by ESP-DL's requantize_linear, of full vectors. Up to 50 elements, what fills no
 * vector, and shifts that vectors cannot do are computed one by one: ESP-DL does so with few
 * elements, and its kernels leave some remainders unwritten. Without vectors it has no kernel.
 *
 *              with vectors                           without
 *   alignment  any                                    any
 *   over-read  0                                      0
 *   in place   the input, where both types are equal  the input, where both types are equal
 *
 * Source: ESP-DL dl/base/dl_base_requantize_linear.cpp, TensorBase::assign and dl/base/isa.
 */
#include "espdl_arithmetic.h"
#include "espdl_glue.hpp"

namespace {

int8_t saturated(int64_t value, int8_t) { return espdl_saturate_s8(value); }
int16_t saturated(int64_t value, int16_t) { return espdl_saturate_s16(value); }

/* One element; out of line, for it is long and has little to do. */
__attribute__((noinline)) int64_t shifted(const espdl_requantize_t &d, int32_t value) {
  return espdl_shift_and_round(value, d.shift, d.half_even);
}

/*
 * Whether the kernels can do a shift: their instructions read 5 bits of one to the right. One to
 * the left is a factor of 16 bits; 8-bit results of the ESP32-S3 have factors of 8, sums of 20.
 */
template <typename X, typename Y>
bool fits_vectors(int shift) {
  constexpr bool narrow = CONFIG_PIE_V1_BOOST && sizeof(Y) == 1;
  constexpr int most_left = narrow ? (sizeof(X) == 1 ? 6 : 4) : 14;
  constexpr int most_right = 31;
  return -most_left <= shift && shift <= most_right;
}

/* The elements that ESP-DL's kernel has computed, none where it does not suit. */
template <typename X, typename Y>
int in_vectors(const espdl_requantize_t &d, const X *x, Y *y) {
  constexpr int few = 50;
  if (!espdl::kVectors || d.size <= few || !fits_vectors<X, Y>(d.shift) || !espdl::is_aligned(x) ||
      !espdl::is_aligned(y)) {
    return 0; /* unaligned, ESP-DL would do nothing but log an error */
  }
  /* Full vectors of the narrower type are full ones of the other, too. */
  constexpr int lanes = sizeof(X) < sizeof(Y) ? espdl::kLanes<X> : espdl::kLanes<Y>;
  const int size = d.size / lanes * lanes;
  dl::base::requantizeArgsType args = {};
  args.input_element = espdl::unconst(x);
  args.output_element = y;
  args.output_shift = espdl::right_shift_of(d.shift);
  args.output_scale = d.shift < 0 ? espdl::factor_of(d.shift) : -1; /* -1: a shift to the right */
  args.size_div_x = size / espdl::kLanes<Y>;
  dl::base::requantize_linear<Y, X>(&args);
  return size;
}

template <typename X, typename Y>
void requantize(const espdl_requantize_t &d, const X *x, Y *y) {
  for (int i = in_vectors(d, x, y); i < d.size; ++i) {
    y[i] = saturated(shifted(d, x[i]), Y());
  }
}

}  // namespace

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_requantize_s8_s8(const espdl_requantize_t *d, const int8_t *x, int8_t *y) {
  requantize(*d, x, y);
}
extern "C" void espdl_requantize_s8_s16(const espdl_requantize_t *d, const int8_t *x, int16_t *y) {
  requantize(*d, x, y);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_requantize_s16_s8(const espdl_requantize_t *d, const int16_t *x, int8_t *y) {
  requantize(*d, x, y);
}
extern "C" void espdl_requantize_s16_s16(const espdl_requantize_t *d, const int16_t *x,
                                         int16_t *y) {
  requantize(*d, x, y);
}
#endif
