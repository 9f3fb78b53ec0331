/*
 * The nearest resize. On the ESP32-P4 and ESP32-S31 it rounds as the last one who set the rounding
 * mode wanted.
 */
#include "sdkconfig.h"

#include "dl_base_resize.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace {
using Args = dl::base::resizeArgsType<int8_t>;

bool equal(float a, float b) { return !(a < b) && !(a > b); }

void check(const char *function, const Args &args, bool doubled) {
  expect_pointer(function, "input_element", args.input_element, 1);
  expect_pointer(function, "output_element", args.output_element, 1);
  demand(function, args.resize_mode == dl::RESIZE_NEAREST, "resize_mode is not RESIZE_NEAREST");
  demand(function, args.input_height > 0 && args.input_width > 0 && args.input_channel > 0,
         "an extent is not positive");
  const int shift = args.output_shift;
  const int scale = args.output_scale;
  demand(function, shift >= 0 && shift <= 15, "output_shift is out of range");
  if (shift > 0) {
    ESPDL_EXPECT(output_scale, 1);
  }
  demand(function, scale >= 1 && scale <= 64 && (scale & (scale - 1)) == 0,
         "output_scale is no power of two within 7 bits");
  if (doubled) {
    ESPDL_EXPECT(output_x_offset, args.input_channel);
    ESPDL_EXPECT(output_y_offset, args.input_channel * args.input_width * 2);
  } else {
    demand(function, args.output_height > 0 && args.output_width > 0,
           "an output extent is not positive");
    demand(function, equal(args.scale_h_inv, 1.0f / args.scale_h), "scale_h_inv is not 1 / scale_h");
    demand(function, equal(args.scale_w_inv, 1.0f / args.scale_w), "scale_w_inv is not 1 / scale_w");
  }
  if (vectors) {
    ESPDL_EXPECT(c_div_x, args.input_channel / vector_bytes);
    ESPDL_EXPECT(c_remainder, args.input_channel % vector_bytes);
    demand(function, doubled || args.input_channel >= vector_bytes,
           "fewer channels than a vector holds, and not 2x2");
  }
}

int8_t rescaled(const Args &args, int x) {
  const int64_t result = shifted(x * args.output_scale, args.output_shift, rounding_of_resize());
  return vectors ? saturated<int8_t>(result) : static_cast<int8_t>(wrapped(result, 8));
}

int source(int output, float inverse, int inputs) {
  const auto at = static_cast<int>(static_cast<float>(output) * inverse);
  return at < inputs - 1 ? at : inputs - 1;
}
} // namespace

namespace dl {
namespace base {
template <> void resize<int8_t>(void *args_ptr) {
  const char *function = "resize<int8_t>";
  Args &args = *entered<Args>(function, args_ptr);
  const bool doubled = equal(args.scale_h, 2.0f) && equal(args.scale_w, 2.0f);
  check(function, args, doubled);
  if (vectors) {
    read_slack(args.input_element, args.input_height * args.input_width * args.input_channel,
               vector_bytes);
  }
  const int height = doubled ? 2 * args.input_height : args.output_height;
  const int width = doubled ? 2 * args.input_width : args.output_width;
  for (int y = 0; y < height; ++y) {
    const int row = doubled ? y / 2 : source(y, args.scale_h_inv, args.input_height);
    for (int x = 0; x < width; ++x) {
      const int column = doubled ? x / 2 : source(x, args.scale_w_inv, args.input_width);
      const int8_t *from = args.input_element + (row * args.input_width + column) * args.input_channel;
      int8_t *to = args.output_element + (y * width + x) * args.input_channel;
      for (int channel = 0; channel < args.input_channel; ++channel) {
        to[channel] = rescaled(args, from[channel]);
      }
    }
  }
  scribble(&args);
  forget_rounding_mode();
}

template <> void resize<int16_t>(void *) {
  refuse("resize<int16_t>", "computes nothing");
}
} // namespace base
} // namespace dl
