/*
 * requantize_linear: vector kernels alone, so on chips without vectors, or for arrays that are not
 * aligned, ESP-DL's function computes nothing.
 */
#include "sdkconfig.h"

#include "dl_base_requantize_linear.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace {
using Args = dl::base::requantizeArgsType;

// Left shifts that the ESP32-S3's kernels keep: a factor of 8 bits, and sums of 20.
template <typename Y, typename X> int most_left_shift() {
  if (!v1 || sizeof(Y) == 2) {
    return 31;
  }
  return sizeof(X) == 1 ? 6 : 4;
}

template <typename Y, typename X> void run(const char *function, void *block) {
  const Args &args = *entered<Args>(function, block);
  demand(function, vectors, "computes nothing on a chip without vectors");
  expect_pointer(function, "input_element", args.input_element, vector_bytes);
  expect_pointer(function, "output_element", args.output_element, vector_bytes);
  demand(function, args.size_div_x >= 0, "size_div_x is negative");
  demand(function, args.out_size_remainder >= 0 && args.out_size_remainder < vector_bytes &&
                       args.out_size_remainder % sizeof(Y) == 0,
         "out_size_remainder is no part of a vector");
  const int remainder = args.out_size_remainder / static_cast<int>(sizeof(Y));
  const int size = args.size_div_x * lanes<Y> + remainder;
  ESPDL_EXPECT(in_size_remainder, size % lanes<X> * sizeof(X));
  demand(function, sizeof(X) == 2 || sizeof(Y) == 1 || size % 16 != 8,
         "a remainder of 8 is not written");
  demand(function, args.output_shift >= 0 && args.output_shift <= 31,
         "output_shift is out of range");
  int left = 0;
  if (args.output_shift > 0 || args.output_scale == -1) {
    ESPDL_EXPECT(output_scale, -1);
  } else {
    while (left < 31 && 1 << left < args.output_scale) {
      ++left;
    }
    demand(function, left > 0, "output_scale is neither -1 nor a factor above 1");
    ESPDL_EXPECT(output_scale, 1 << left);
    demand(function, left <= most_left_shift<Y, X>(), "the left shift exceeds the kernel's");
  }

  const auto *x = static_cast<const X *>(args.input_element);
  auto *y = static_cast<Y *>(args.output_element);
  expect_apart(function, x, size * sizeof(X), y, size * sizeof(Y), sizeof(X) == sizeof(Y));
  read_slack(x, size * sizeof(X), 0);
  for (int i = 0; i < size; ++i) {
    y[i] = saturated<Y>(shifted(x[i], args.output_shift - left, to_nearest));
  }
  scribble(static_cast<Args *>(block));
  forget_rounding_mode();
}
} // namespace

namespace dl {
namespace base {
template <> void requantize_linear<int8_t, int8_t>(void *const args_ptr) {
  run<int8_t, int8_t>("requantize_linear<int8_t, int8_t>", args_ptr);
}

template <> void requantize_linear<int8_t, int16_t>(void *const args_ptr) {
  run<int8_t, int16_t>("requantize_linear<int8_t, int16_t>", args_ptr);
}

template <> void requantize_linear<int16_t, int8_t>(void *const args_ptr) {
  run<int16_t, int8_t>("requantize_linear<int16_t, int8_t>", args_ptr);
}

template <> void requantize_linear<int16_t, int16_t>(void *const args_ptr) {
  run<int16_t, int16_t>("requantize_linear<int16_t, int16_t>", args_ptr);
}
} // namespace base
} // namespace dl
