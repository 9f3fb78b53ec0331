/*
 * conv2d and depthwise_conv2d: first every member that ESP-DL's shells, dispatchers and assembly
 * read is compared with what ConvOpArgs makes of the extents, then the sums are formed in the
 * registers and in the order of the family.
 */
#include "sdkconfig.h"

#include "dl_base_conv2d.hpp"
#include "dl_base_depthwise_conv2d.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace {
template <typename T> using Args = dl::base::ArgsType<T>;

// Type of a bias that is not packed.
template <typename T> struct Bias;
template <> struct Bias<int8_t> {
  using type = int32_t;
};
template <> struct Bias<int16_t> {
  using type = int64_t;
};

// Width of a field of the ESP32-S3's packed bias.
template <typename T> constexpr int field_bits = sizeof(T) == 1 ? 20 : 40;

// A sum of products: its width, and after how many of them it is clamped (0: it wraps around).
class Register {
public:
  Register(int bits, int products_per_clamp, int64_t start)
      : bits_(bits), per_clamp_(products_per_clamp), sum_(start) {}

  void add(int64_t product) {
    if (per_clamp_ == 0) {
      const auto sum = static_cast<uint64_t>(sum_) + static_cast<uint64_t>(product);
      sum_ = wrapped(static_cast<int64_t>(sum), bits_);
      return;
    }
    pending_ += product;
    if (++count_ == per_clamp_) {
      end_of_tap();
    }
  }

  // No clamp spans two taps.
  void end_of_tap() {
    int64_t sum;
    if (__builtin_add_overflow(sum_, pending_, &sum)) {
      sum = pending_ < 0 ? INT64_MIN : INT64_MAX;
    }
    sum_ = clamped(sum, bits_);
    pending_ = 0;
    count_ = 0;
  }

  int64_t sum() const { return sum_; }

private:
  int bits_;
  int per_clamp_;
  int count_ = 0;
  int64_t sum_;
  int64_t pending_ = 0;
};

template <typename T> Register register_of(bool in_lanes, int64_t start) {
  constexpr bool narrow = sizeof(T) == 1;
  if (!vectors) {
    return Register(narrow ? 32 : 64, 0, start);
  }
  if (!in_lanes) {
    return Register(40, lanes<T>, start);
  }
  return v1 ? Register(narrow ? 20 : 40, 1, start) : Register(narrow ? 32 : 64, 1, start);
}

template <typename T> int in_lanes(const Args<T> &args, bool depthwise) {
  if (!vectors) {
    return 0;
  }
  return depthwise ? args.output_channel : args.output_channel / lanes<T> * lanes<T>;
}

template <typename T> int64_t packed_bias(const void *bias, int channel) {
  constexpr int per_run = 160 / field_bits<T>;
  const auto *run = static_cast<const uint8_t *>(bias) + channel / per_run * 32;
  int64_t value = 0;
  for (int bit = field_bits<T> - 1; bit >= 0; --bit) {
    const int at = channel % per_run * field_bits<T> + bit;
    value = value * 2 + (run[at / 8] >> (at % 8) & 1);
  }
  return wrapped(value, field_bits<T>);
}

template <typename T> int64_t bias_of(const Args<T> &args, int channel, int lane_channels) {
  if (args.bias_element == nullptr) {
    return 0;
  }
  if (v1 && channel < lane_channels) {
    return packed_bias<T>(args.bias_element, channel);
  }
  int64_t value;
  if (v1) {
    // Runs of packed fields lie 32 bytes apart: four bytes a channel, eight for int16.
    const auto *rest = static_cast<const uint8_t *>(args.bias_element) +
                       lane_channels * sizeof(typename Bias<T>::type);
    memcpy(&value, rest + (channel - lane_channels) * sizeof(int64_t), sizeof value);
  } else {
    value = static_cast<const typename Bias<T>::type *>(args.bias_element)[channel];
  }
  return vectors && channel >= lane_channels ? wrapped(value, 40) : value;
}

// Rows or columns: whether ESP-DL v3.3.9 takes every window right that there is.
void check_axis(const char *function, int size, int taps, int dilation, int stride, int head,
                int tail, int outputs) {
  demand(function, size > 0 && taps > 0 && dilation > 0 && stride > 0 && head >= 0 && tail >= 0,
         "an extent, a stride, a dilation or a padding is out of range");
  const int extent = dilation * (taps - 1) + 1;
  demand(function, size + head + tail >= extent, "the window does not fit into the padded image");
  expect(function, "output extent of the window's", outputs,
         (size + head + tail - extent) / stride + 1);
  demand(function, head < extent && tail < extent, "padding as wide as the window");
  demand(function, stride == 1 || size + head >= extent,
         "only the tail padding makes the window fit, with a stride");
  for (int output = 0; output < outputs; ++output) {
    bool touches = false;
    for (int tap = 0; tap < taps; ++tap) {
      const int at = output * stride - head + tap * dilation;
      touches = touches || (at >= 0 && at < size);
    }
    demand(function, touches, "a window without a tap inside the image");
  }
}

template <typename T> void check_plain(const char *function, const Args<T> &args, bool depthwise) {
  ESPDL_EXPECT(input_dilation_y_offset, args.dilation_h * args.input_width * args.input_channel);
  ESPDL_EXPECT(input_dilation_x_offset, args.dilation_w * args.input_channel);
  ESPDL_EXPECT(filter_y_offset, 0);
  ESPDL_EXPECT(filter_n_offset, 0);
  const int per_tap = depthwise ? args.output_channel : args.input_channel;
  ESPDL_EXPECT(filter_y_offset_c, args.filter_width * per_tap);
  ESPDL_EXPECT(filter_n_offset_c, args.filter_height * args.filter_width * per_tap);
}

template <typename T>
void check_vectors(const char *function, const Args<T> &args, bool depthwise) {
  const int bytes = sizeof(T);
  const int row = args.dilation_h * args.input_width * args.input_channel;
  const int step = args.dilation_w * args.input_channel;
  ESPDL_EXPECT(input_channel_with_padding, args.input_channel);
  ESPDL_EXPECT(n_div_x, args.output_channel / lanes<T>);
  ESPDL_EXPECT(c_div_x_1, args.input_channel / lanes<T> - 1);
  ESPDL_EXPECT(c_remainder, args.input_channel % lanes<T> * bytes);
  ESPDL_EXPECT(filter_n_offset, 0);
  ESPDL_EXPECT(filter_y_offset_unaligned, 0);
  ESPDL_EXPECT(filter_n_offset_unaligned, 0);
  const auto *filter = static_cast<const T *>(args.filter_element);
  const int taps = args.filter_height * args.filter_width;
  const auto blocks = static_cast<ptrdiff_t>(args.n_div_x) * lanes<T> * taps * args.filter_c;
  const bool whole = args.output_channel % lanes<T> == 0;
  expect(function, "filter_element_unaligned - filter_element",
         static_cast<const T *>(args.filter_element_unaligned) - filter, whole ? 0 : blocks);
  if (args.activation_type == dl::ReLU) {
    ESPDL_EXPECT(activation_alpha, 0);
    ESPDL_EXPECT(activation_shift, 0);
  }
  if (!depthwise) {
    ESPDL_EXPECT(filter_y_offset, 0);
    ESPDL_EXPECT(n_remainder, args.output_channel % lanes<T>);
    ESPDL_EXPECT(xtensa_dilation_x_offset, (step - args.input_channel) * bytes);
    ESPDL_EXPECT(xtensa_dilation_y_offset_stable, row);
    ESPDL_EXPECT(xtensa_dilation_y_offset,
                 (row - args.input_channel - (args.filter_width - 1) * step) * bytes);
    return;
  }
  ESPDL_EXPECT(filter_y_offset, vector_bytes);
  ESPDL_EXPECT(filter_w_rs1_1, args.filter_width / 2 - 1);
  ESPDL_EXPECT(tie_depth2d_dilation_x_offset, step * bytes);
  ESPDL_EXPECT(tie_depth2d_dilation_y_offset_stable, row);
  ESPDL_EXPECT(tie_depth2d_dilation_y_offset, (row - (args.filter_width - 1) * step) * bytes);
  const int last = (args.filter_width - 1) * step + (args.filter_height - 1) * row;
  ESPDL_EXPECT(tie_depth2d_next_hwx1, vector_bytes - last * bytes);
}

// How far the shift of a register reaches; the ESP32-S3 shifts by one less, and once more.
template <typename T> constexpr int most_shift = (sizeof(T) == 1 ? 31 : 63) + (v1 ? 1 : 0);

template <typename T> void check_shifts(const char *function, const Args<T> &args) {
  if (!vectors) {
    demand(function, args.mac_shift != INT_MIN, "shifts per channel on a chip without them");
    return;
  }
  if (args.mac_shift != INT_MIN) {
    demand(function, args.mac_shift >= 0, "mac_shift is negative");
    demand(function, args.mac_shift <= most_shift<T>, "mac_shift exceeds the register's shifts");
    return;
  }
  demand(function, v2, "shifts per channel on a chip without them");
  expect_pointer(function, "tie_filter_channel_factor", args.tie_filter_channel_factor,
                 vector_bytes);
  for (int channel = 0; channel < args.output_channel; ++channel) {
    const int shift = args.tie_filter_channel_factor[channel];
    demand(function, shift >= 0 && shift <= most_shift<T>, "a channel's shift is out of range");
  }
  read_slack(args.tie_filter_channel_factor, args.output_channel * sizeof(T), 0);
}

// Results whose pixels lie apart: ESP-DL looks where the first one begins, and not where others do,
// unless the input has no whole vectors of channels, for which its kernels store bytes anywhere.
template <typename T> void check_pitch(const char *function, const Args<T> &args, bool depthwise) {
  demand(function, args.output_x_offset >= args.output_channel, "pixels of the result overlap");
  const bool anywhere = !depthwise && args.input_channel % lanes<T> != 0;
  if (vectors && args.output_x_offset != args.output_channel && !anywhere) {
    expect_pointer(function, "output_element", args.output_element, vector_bytes);
    demand(function, args.output_x_offset * sizeof(T) % vector_bytes == 0,
           "pixels of the result lie apart, and not at multiples of 16 bytes");
  }
}

template <typename T> void check(const char *function, const Args<T> &args, bool depthwise) {
  expect_pointer(function, "input_element", args.input_element, alignof(T));
  expect_pointer(function, "output_element", args.output_element, alignof(T));
  expect_pointer(function, "filter_element", args.filter_element, vector_alignment<T>);
  if (args.bias_element != nullptr) {
    expect_pointer(function, "bias_element", args.bias_element,
                   vector_alignment<typename Bias<T>::type>);
  }
  demand(function, args.activation_type == dl::Linear || args.activation_type == dl::ReLU,
         "activation_type is neither Linear nor ReLU");
  demand(function, args.input_channel > 0 && args.output_channel > 0, "no channels");
  check_axis(function, args.input_height, args.filter_height, args.dilation_h, args.stride_y,
             args.padding_h_head, args.padding_h_tail, args.output_height);
  check_axis(function, args.input_width, args.filter_width, args.dilation_w, args.stride_x,
             args.padding_w_head, args.padding_w_tail, args.output_width);
  if (depthwise) {
    ESPDL_EXPECT(output_channel, args.input_channel);
  }
  ESPDL_EXPECT(filter_c, depthwise ? 1 : args.input_channel);
  ESPDL_EXPECT(input_y_offset, args.input_width * args.input_channel);
  ESPDL_EXPECT(input_stride_y_offset, args.stride_y * args.input_width * args.input_channel);
  ESPDL_EXPECT(input_stride_x_offset, args.stride_x * args.input_channel);
  // Padded images have rows of results at this distance whatever output_y_offset says.
  ESPDL_EXPECT(output_y_offset, args.output_width * args.output_x_offset);
  check_pitch(function, args, depthwise);
  check_shifts(function, args);
  if (vectors) {
    check_vectors(function, args, depthwise);
  } else {
    check_plain(function, args, depthwise);
  }
}

template <typename T>
void check_memory(const char *function, const Args<T> &args, bool depthwise) {
  const size_t input = args.input_height * args.input_width * args.input_channel * sizeof(T);
  const size_t behind = args.output_x_offset - args.output_channel;
  const size_t output = (args.output_height * args.output_y_offset - behind) * sizeof(T);
  expect_apart(function, args.input_element, input, args.output_element, output, false);
  if (!vectors) {
    return;
  }
  const int taps = args.filter_height * args.filter_width;
  read_slack(args.input_element, input, vector_bytes);
  read_slack(args.filter_element, args.output_channel * taps * args.filter_c * sizeof(T),
             vector_bytes);
  if (args.bias_element != nullptr && depthwise && args.output_channel % lanes<T> != 0) {
    const int fields = 160 / field_bits<T>;
    const size_t bytes = v1 ? (args.output_channel + fields - 1) / fields * 32
                            : args.output_channel * sizeof(typename Bias<T>::type);
    read_slack(args.bias_element, bytes, v1 ? 32 : 48);
  }
}

// Weights of one output channel and one tap, for all input channels.
template <typename T> struct Weights {
  const T *first;
  int step;
};

// Full blocks of lanes lie first, then the remaining channels.
template <typename T>
Weights<T> weights_of(const Args<T> &args, bool depthwise, int channel, int tap) {
  const int taps = args.filter_height * args.filter_width;
  const int blocks = vectors ? args.output_channel / lanes<T> * lanes<T> : 0;
  const auto *filter = static_cast<const T *>(args.filter_element);
  if (channel < blocks) {
    const int at = (channel / lanes<T> * taps + tap) * args.filter_c * lanes<T>;
    return {filter + at + channel % lanes<T>, lanes<T>};
  }
  const auto *rest = vectors ? static_cast<const T *>(args.filter_element_unaligned) : filter;
  const int number = channel - blocks;
  if (depthwise) {
    return {rest + tap * (args.output_channel - blocks) + number, 0};
  }
  return {rest + (number * taps + tap) * args.filter_c, 1};
}

template <typename T>
int64_t sum_of(const Args<T> &args, bool depthwise, int y, int x, int channel, Register sum) {
  for (int tap = 0; tap < args.filter_height * args.filter_width; ++tap) {
    const int row = y * args.stride_y - args.padding_h_head +
                    tap / args.filter_width * args.dilation_h;
    const int column = x * args.stride_x - args.padding_w_head +
                       tap % args.filter_width * args.dilation_w;
    if (row < 0 || row >= args.input_height || column < 0 || column >= args.input_width) {
      continue;
    }
    const T *pixel = args.input_element + row * args.input_y_offset + column * args.input_channel;
    const Weights<T> weights = weights_of(args, depthwise, channel, tap);
    for (int input = 0; input < args.filter_c; ++input) {
      sum.add(pixel[depthwise ? channel : input] * weights.first[input * weights.step]);
    }
    sum.end_of_tap();
  }
  return sum.sum();
}

template <typename T> void compute(const Args<T> &args, bool depthwise) {
  const int lane_channels = in_lanes(args, depthwise);
  for (int channel = 0; channel < args.output_channel; ++channel) {
    const int64_t bias = bias_of(args, channel, lane_channels);
    // Plain C++ adds the bias last, which in a register that wraps around is the same.
    const Register start = register_of<T>(channel < lane_channels, bias);
    const int shift = args.mac_shift == INT_MIN ? args.tie_filter_channel_factor[channel]
                                                : args.mac_shift;
    for (int y = 0; y < args.output_height; ++y) {
      for (int x = 0; x < args.output_width; ++x) {
        const int64_t sum = sum_of(args, depthwise, y, x, channel, start);
        const int64_t result = shifted(sum, shift, to_nearest);
        args.output_element[y * args.output_y_offset + x * args.output_x_offset + channel] =
            saturated<T>(args.activation_type == dl::ReLU && result < 0 ? 0 : result);
      }
    }
  }
}

template <typename T> void run(const char *function, void *block, bool depthwise) {
  auto *args = entered<Args<T>>(function, block);
  check(function, *args, depthwise);
  check_memory(function, *args, depthwise);
  compute(*args, depthwise);
  scribble(args);
  forget_rounding_mode();
}
} // namespace

namespace dl {
namespace base {
template <> void conv2d<int8_t, int32_t, int32_t>(void *const args_ptr) {
  run<int8_t>("conv2d<int8_t>", args_ptr, false);
}

template <> void conv2d<int16_t, int32_t, int64_t>(void *const args_ptr) {
  run<int16_t>("conv2d<int16_t>", args_ptr, false);
}

template <> void depthwise_conv2d<int8_t, int32_t, int32_t>(void *args_ptr) {
  run<int8_t>("depthwise_conv2d<int8_t>", args_ptr, true);
}

template <> void depthwise_conv2d<int16_t, int32_t, int64_t>(void *args_ptr) {
  run<int16_t>("depthwise_conv2d<int16_t>", args_ptr, true);
}
} // namespace base
} // namespace dl
