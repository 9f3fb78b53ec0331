/*
 * The nearest resize: ESP-DL's function of whole images, and its kernels of one pixel. On the
 * ESP32-P4 and ESP32-S31 they round as the last one who set the rounding mode wanted.
 */
#include "sdkconfig.h"

#include "dl_base_isa.hpp"
#include "dl_base_resize.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace {
using Args = dl::base::resizeArgsType<int8_t>;

bool equal(float a, float b) { return !(a < b) && !(a > b); }

// Members that are read for every pixel.
void check_pixel(const char *function, const Args &args, bool doubled) {
  demand(function, args.input_channel > 0, "no channels");
  const int scale = args.output_scale;
  demand(function, args.output_shift >= 0 && args.output_shift <= 15,
         "output_shift is out of range");
  if (args.output_shift > 0) {
    ESPDL_EXPECT(output_scale, 1);
  }
  demand(function, scale >= 1 && scale <= 64 && (scale & (scale - 1)) == 0,
         "output_scale is no power of two within 7 bits");
  if (doubled) {
    ESPDL_EXPECT(output_x_offset, args.input_channel);
    ESPDL_EXPECT(output_y_offset, args.input_channel * args.input_width * 2);
  }
  if (vectors) {
    ESPDL_EXPECT(c_div_x, args.input_channel / vector_bytes);
    ESPDL_EXPECT(c_remainder, args.input_channel % vector_bytes);
    demand(function, doubled || args.input_channel >= vector_bytes,
           "fewer channels than a vector holds, and not 2x2");
  }
}

void check_image(const char *function, const Args &args, bool doubled) {
  expect_pointer(function, "input_element", args.input_element, 1);
  expect_pointer(function, "output_element", args.output_element, 1);
  demand(function, args.resize_mode == dl::RESIZE_NEAREST, "resize_mode is not RESIZE_NEAREST");
  demand(function, args.input_height > 0 && args.input_width > 0, "an extent is not positive");
  if (doubled) {
    return;
  }
  demand(function, args.output_height > 0 && args.output_width > 0,
         "an output extent is not positive");
  demand(function, equal(args.scale_h_inv, 1.0f / args.scale_h), "scale_h_inv is not 1 / scale_h");
  demand(function, equal(args.scale_w_inv, 1.0f / args.scale_w), "scale_w_inv is not 1 / scale_w");
}

int8_t rescaled(const Args &args, int x) {
  const int64_t result = shifted(x * args.output_scale, args.output_shift, rounding_of_resize());
  return vectors ? saturated<int8_t>(result) : static_cast<int8_t>(wrapped(result, 8));
}

void copy_pixel(const Args &args, const int8_t *x, int8_t *y) {
  for (int channel = 0; channel < args.input_channel; ++channel) {
    y[channel] = rescaled(args, x[channel]);
  }
}

int source(int output, float inverse, int inputs) {
  const auto at = static_cast<int>(static_cast<float>(output) * inverse);
  return at < inputs - 1 ? at : inputs - 1;
}

#if CONFIG_PIE_V1_BOOST || CONFIG_PIE_V2_BOOST
// One pixel, or four. Its block is only read.
void run_kernel(const char *function, bool doubled, bool aligned, int8_t *y, const int8_t *x,
                void *block) {
  const Args &args = *entered<Args>(function, block);
  check_pixel(function, args, doubled);
  expect_pointer(function, "input_ptr", x, aligned ? vector_bytes : 1);
  expect_pointer(function, "output_ptr", y, aligned ? vector_bytes : 1);
  if (aligned) {
    ESPDL_EXPECT(c_remainder, 0);
  }
  expect_apart(function, x, args.input_channel, y, args.input_channel, false);
  read_slack(x, args.input_channel, vector_bytes);
  copy_pixel(args, x, y);
  if (doubled) {
    copy_pixel(args, x, y + args.output_x_offset);
    copy_pixel(args, x, y + args.output_y_offset);
    copy_pixel(args, x, y + args.output_y_offset + args.output_x_offset);
  }
}
#endif
} // namespace

#define ESPDL_DOUBLE_KERNEL(name, doubled, aligned)                            \
  void name(int8_t *output_ptr, int8_t *input_ptr, void *args_ptr) {           \
    run_kernel(#name, doubled, aligned, output_ptr, input_ptr, args_ptr);      \
  }

#if CONFIG_PIE_V1_BOOST
ESPDL_DOUBLE_KERNEL(dl_tie728_s8_resize_nearest_2x2_c1, true, true)
ESPDL_DOUBLE_KERNEL(dl_tie728_s8_resize_nearest_c1, false, true)
ESPDL_DOUBLE_KERNEL(dl_tie728_s8_unaligned_resize_nearest_2x2_c1, true, false)
ESPDL_DOUBLE_KERNEL(dl_tie728_s8_unaligned_resize_nearest_c1, false, false)
#elif CONFIG_PIE_V2_BOOST
ESPDL_DOUBLE_KERNEL(dl_esp32p4_s8_resize_nearest_2x2_c1, true, true)
ESPDL_DOUBLE_KERNEL(dl_esp32p4_s8_resize_nearest_c1, false, true)
ESPDL_DOUBLE_KERNEL(dl_esp32p4_s8_unaligned_resize_nearest_2x2_c1, true, false)
ESPDL_DOUBLE_KERNEL(dl_esp32p4_s8_unaligned_resize_nearest_c1, false, false)
#endif

namespace dl {
namespace base {
template <> void resize<int8_t>(void *args_ptr) {
  const char *function = "resize<int8_t>";
  Args &args = *entered<Args>(function, args_ptr);
  const bool doubled = equal(args.scale_h, 2.0f) && equal(args.scale_w, 2.0f);
  check_image(function, args, doubled);
  check_pixel(function, args, doubled);
  const size_t input = args.input_height * args.input_width * args.input_channel;
  const size_t output = args.output_height * args.output_width * args.input_channel;
  expect_apart(function, args.input_element, input, args.output_element, output, false);
  if (vectors) {
    read_slack(args.input_element, input, vector_bytes);
  }
  const int height = doubled ? 2 * args.input_height : args.output_height;
  const int width = doubled ? 2 * args.input_width : args.output_width;
  for (int y = 0; y < height; ++y) {
    const int row = doubled ? y / 2 : source(y, args.scale_h_inv, args.input_height);
    for (int x = 0; x < width; ++x) {
      const int column = doubled ? x / 2 : source(x, args.scale_w_inv, args.input_width);
      const int pixel = row * args.input_width + column;
      copy_pixel(args, args.input_element + pixel * args.input_channel,
                 args.output_element + (y * width + x) * args.input_channel);
    }
  }
  scribble(&args);
  forget_rounding_mode();
}

template <> void resize<int16_t>(void *) { refuse("resize<int16_t>", "computes nothing"); }
} // namespace base
} // namespace dl
