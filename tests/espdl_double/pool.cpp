/*
 * max_pool2d.
 */
#include "sdkconfig.h"

#include "dl_base_max_pool2d.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace {
template <typename T> using Args = dl::base::PoolArgsType<T>;

// Rows or columns: whether ESP-DL v3.3.9 takes every window right that there is.
void check_axis(const char *function, int size, int taps, int stride, int head, int tail,
                int outputs) {
  demand(function, size > 0 && taps > 0 && stride > 0 && head >= 0 && tail >= 0,
         "an extent, a stride or a padding is out of range");
  demand(function, size + head + tail >= taps, "the window does not fit into the padded image");
  expect(function, "output extent of the window's", outputs,
         (size + head + tail - taps) / stride + 1);
  demand(function, head < taps && tail < taps, "padding as wide as the window");
  demand(function, stride == 1 || size + head >= taps,
         "only the tail padding makes the window fit, with a stride");
  demand(function, (head + stride - 1) / stride <= outputs,
         "more windows touch the leading padding than there are outputs");
}

template <typename T> void check(const char *function, const Args<T> &args) {
  expect_pointer(function, "input_element", args.input_element, alignof(T));
  expect_pointer(function, "output_element", args.output_element, alignof(T));
  demand(function, args.input_channel > 0, "no channels");
  check_axis(function, args.input_height, args.filter_height, args.stride_y, args.padding_h_head,
             args.padding_h_tail, args.output_height);
  check_axis(function, args.input_width, args.filter_width, args.stride_x, args.padding_w_head,
             args.padding_w_tail, args.output_width);
  // The image may be a part of a wider one, and the result, too.
  const int row = args.input_y_offset;
  demand(function, row >= args.input_width * args.input_channel && row % args.input_channel == 0,
         "input_y_offset is no row of pixels");
  ESPDL_EXPECT(input_x_offset, args.input_channel);
  ESPDL_EXPECT(input_stride_y_offset, row * args.stride_y);
  ESPDL_EXPECT(input_stride_x_offset, args.input_channel * args.stride_x);
  ESPDL_EXPECT(output_channel, args.input_channel);
  demand(function, args.output_y_offset >= args.output_width * args.output_channel &&
                       args.output_y_offset % args.output_channel == 0,
         "output_y_offset is no row of pixels");
  ESPDL_EXPECT(output_x_offset, args.output_channel);
  if (vectors) {
    ESPDL_EXPECT(input_y_offset_bytes, row * sizeof(T));
    ESPDL_EXPECT(input_x_offset_bytes, args.input_channel * sizeof(T));
    ESPDL_EXPECT(c_remainder, args.input_channel % lanes<T> * sizeof(T));
    ESPDL_EXPECT(c_div_x_1, args.input_channel / lanes<T> - 1);
  }
}

template <typename T> T largest(const Args<T> &args, int y, int x, int channel) {
  int most = INT_MIN;
  for (int tap = 0; tap < args.filter_height * args.filter_width; ++tap) {
    const int row = y * args.stride_y - args.padding_h_head + tap / args.filter_width;
    const int column = x * args.stride_x - args.padding_w_head + tap % args.filter_width;
    if (row >= 0 && row < args.input_height && column >= 0 && column < args.input_width) {
      const int at = row * args.input_y_offset + column * args.input_x_offset + channel;
      most = args.input_element[at] > most ? args.input_element[at] : most;
    }
  }
  return static_cast<T>(most);
}

// Bytes from the first to the last element of some rows, `distance` elements apart.
template <typename T> size_t spanned(int rows, int distance, int elements) {
  return static_cast<size_t>((rows - 1) * distance + elements) * sizeof(T);
}

template <typename T> void run(const char *function, void *block) {
  auto *args = entered<Args<T>>(function, block);
  check(function, *args);
  const size_t input = spanned<T>(args->input_height, args->input_y_offset,
                                  args->input_width * args->input_channel);
  const size_t output = spanned<T>(args->output_height, args->output_y_offset,
                                   args->output_width * args->output_channel);
  expect_apart(function, args->input_element, input, args->output_element, output, false);
  if (vectors) {
    read_slack(args->input_element, input, vector_bytes);
  }
  for (int y = 0; y < args->output_height; ++y) {
    for (int x = 0; x < args->output_width; ++x) {
      for (int channel = 0; channel < args->output_channel; ++channel) {
        const int at = y * args->output_y_offset + x * args->output_x_offset + channel;
        args->output_element[at] = largest(*args, y, x, channel);
      }
    }
  }
  scribble(args);
  forget_rounding_mode();
}
} // namespace

namespace dl {
namespace base {
template <> void max_pool2d<int8_t>(void *args_ptr) { run<int8_t>("max_pool2d<int8_t>", args_ptr); }

template <> void max_pool2d<int16_t>(void *args_ptr) {
  run<int16_t>("max_pool2d<int16_t>", args_ptr);
}
} // namespace base
} // namespace dl
