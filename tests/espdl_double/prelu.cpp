/*
 * prelu: kernels that differ in what they do with positive values and with products that do not
 * fit.
 */
#include "sdkconfig.h"

#include "dl_base_prelu.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace {
template <typename T> using Args = dl::base::ArgsType<T>;

// int16 has no vector kernel on the ESP32-P4 and ESP32-S31.
template <typename T> constexpr bool in_vectors = sizeof(T) == 1 ? vectors : v1;

template <typename T> void check(const char *function, const Args<T> &args) {
  const size_t alignment = in_vectors<T> ? vector_bytes : alignof(T);
  expect_pointer(function, "input_element", args.input_element, alignof(T));
  expect_pointer(function, "output_element", args.output_element, alignof(T));
  expect_pointer(function, "activation_alpha_ptr", args.activation_alpha_ptr, alignment);
  demand(function, args.output_height > 0 && args.output_width > 0 && args.output_channel > 0,
         "an extent is not positive");
  ESPDL_EXPECT(input_stride_x_offset, args.output_channel);
  ESPDL_EXPECT(output_x_offset, args.output_channel);
  demand(function, args.activation_shift >= 0 && args.activation_shift <= 31,
         "activation_shift is out of range");
  if (!in_vectors<T>) {
    return;
  }
  const int whole = args.output_channel / lanes<T>;
  ESPDL_EXPECT(c_remainder, args.output_channel % lanes<T> * sizeof(T));
  if (sizeof(T) == 2) {
    const int pairs = whole / 2 - 1 > 0 ? whole / 2 - 1 : 0;
    ESPDL_EXPECT(c_div_x_1, whole - 1);
    ESPDL_EXPECT(c_rs1_1, pairs);
    ESPDL_EXPECT(c_rs2_1, whole - 2 * pairs - 1);
    return;
  }
  ESPDL_EXPECT(n_div_x, whole);
  demand(function, args.output_shift >= 0 && args.output_shift <= 31,
         "output_shift is out of range");
  if (args.output_shift > 0) {
    ESPDL_EXPECT(output_scale, 1);
  }
  const int scale = args.output_scale;
  demand(function, scale >= 1 && scale <= 64 && (scale & (scale - 1)) == 0,
         "output_scale is no power of two within 7 bits");
}

template <typename T> T positive(const Args<T> &args, int x) {
  // The others copy positive values, whatever the exponents.
  const bool rescales = vectors && sizeof(T) == 1;
  return rescales ? saturated<T>(shifted(x * args.output_scale, args.output_shift, to_nearest))
                  : static_cast<T>(x);
}

template <typename T> T negative(const Args<T> &args, int product) {
  const bool rounds = vectors && sizeof(T) == 1;
  const bool wraps = sizeof(T) == 1 ? v2 : v1;
  const Rounding rounding = rounds ? to_nearest : Rounding::down;
  const int64_t result = shifted(product, args.activation_shift, rounding);
  return wraps ? static_cast<T>(wrapped(result, bits_of<T>)) : saturated<T>(result);
}

template <typename T> void run(const char *function, void *block) {
  const Args<T> &args = *entered<Args<T>>(function, block);
  check(function, args);
  const int size = args.output_height * args.output_width * args.output_channel;
  const auto *alpha = static_cast<const T *>(args.activation_alpha_ptr);
  const size_t bytes = size * sizeof(T);
  expect_apart(function, args.input_element, bytes, args.output_element, bytes, true);
  if (in_vectors<T>) {
    read_slack(args.input_element, size * sizeof(T), vector_bytes);
    read_slack(alpha, args.output_channel * sizeof(T), vector_bytes);
  }
  for (int i = 0; i < size; ++i) {
    const int x = args.input_element[i];
    const int product = x * alpha[i % args.output_channel];
    args.output_element[i] = x >= 0 ? positive(args, x) : negative(args, product);
  }
  scribble(static_cast<Args<T> *>(block));
  forget_rounding_mode();
}
} // namespace

namespace dl {
namespace base {
template <> void prelu<int8_t>(void *const args_ptr) { run<int8_t>("prelu<int8_t>", args_ptr); }

template <> void prelu<int16_t>(void *const args_ptr) { run<int16_t>("prelu<int16_t>", args_ptr); }
} // namespace base
} // namespace dl
