/*
 * ESP-DL's block of a convolution, from its descriptor (ESP-DL dl/base/dl_base.hpp, ConvOpArgs).
 */
#ifndef ESPDL_CONVOLUTION_HPP
#define ESPDL_CONVOLUTION_HPP

#include "espdl_glue.hpp"

namespace espdl {

/* Type of a bias that is not packed. */
template <typename T>
struct BiasOf {
  using Type = int32_t;
};
template <>
struct BiasOf<int16_t> {
  using Type = int64_t;
};
template <typename T>
using Bias = typename BiasOf<T>::Type;

/* Rows or columns that the last window reaches behind the image. */
inline int tail_padding(int outputs, int stride, int extent, int pad, int size) {
  const int behind = (outputs - 1) * stride + extent - pad - size;
  return behind > 0 ? behind : 0;
}

/* Channels of a result that are computed together. */
struct Slice {
  int first;
  int count;
};

inline Slice whole(const espdl_conv_t &d) { return {0, d.output_channels}; }

/*
 * The next channels, from one on. All channels read the whole filter for each pixel: where it is
 * larger than the cache, it is fetched for each pixel. The filter of a slice stays in the cache
 * while it is used for all pixels. Slices begin with whole vectors.
 */
inline Slice slice_from(const espdl_conv_t &d, int first) {
  const int left = d.output_channels - first;
#ifdef TVM_ESPDL_WHOLE_FILTERS
  return {first, left};
#else
  const bool last = d.slice_channels == 0 || left < d.slice_channels;
  return {first, last ? left : d.slice_channels};
#endif
}

template <typename T>
dl::base::ArgsType<T> convolution(const espdl_conv_t &d, const T *x, T *y, Slice slice,
                                  bool depthwise) {
  constexpr int lanes = kLanes<T>;
  constexpr int bytes = sizeof(T);
  const int channels = d.input_channels;
  const int row = d.input_width * channels;
  const int tap_y = d.dilation_y * row;
  const int tap_x = d.dilation_x * channels;
  const int taps = d.kernel_height * d.kernel_width;
  const int extent_y = d.dilation_y * (d.kernel_height - 1) + 1;
  const int extent_x = d.dilation_x * (d.kernel_width - 1) + 1;
  const int of_channel = taps * (depthwise ? 1 : channels);
  const T *weights = static_cast<const T *>(d.filter) + slice.first * of_channel;

  dl::base::ArgsType<T> args = {};
  args.input_element = unconst(x);
  args.input_height = d.input_height;
  args.input_width = d.input_width;
  args.input_channel = channels;
  args.input_channel_with_padding = channels;
  args.input_y_offset = row;
  args.input_stride_y_offset = d.stride_y * row;
  args.input_stride_x_offset = d.stride_x * channels;
  args.input_dilation_y_offset = tap_y;
  args.input_dilation_x_offset = tap_x;
  args.output_element = y + slice.first;
  args.output_height = d.output_height;
  args.output_width = d.output_width;
  args.output_channel = slice.count;
  args.output_y_offset = d.output_width * d.output_pitch;
  args.output_x_offset = d.output_pitch;

  args.stride_y = d.stride_y;
  args.stride_x = d.stride_x;
  args.dilation_h = d.dilation_y;
  args.dilation_w = d.dilation_x;
  args.padding_h_head = d.pad_top;
  args.padding_w_head = d.pad_left;
  args.padding_h_tail =
      tail_padding(d.output_height, d.stride_y, extent_y, d.pad_top, d.input_height);
  args.padding_w_tail =
      tail_padding(d.output_width, d.stride_x, extent_x, d.pad_left, d.input_width);

  args.filter_element = weights;
  args.filter_height = d.kernel_height;
  args.filter_width = d.kernel_width;
  args.filter_c = depthwise ? 1 : channels;
  args.filter_y_offset = depthwise && kVectors ? kVectorBytes : 0;
  args.filter_y_offset_c = d.kernel_width * channels;
  args.filter_n_offset_c = taps * channels;
  if (d.bias != nullptr) {
    /* Packed or not, whole vectors of channels have as many bytes. */
    args.bias_element = static_cast<const Bias<T> *>(d.bias) + slice.first;
  }
  args.mac_shift = d.shift;
#if CONFIG_PIE_V2_BOOST
  if (d.channel_shifts != nullptr) {
    args.mac_shift = INT_MIN; /* a mark: each channel has its own */
    args.tie_filter_channel_factor =
        unconst(static_cast<const T *>(d.channel_shifts) + slice.first);
  }
#endif
  args.activation_type = d.relu ? dl::ReLU : dl::Linear;
  args.activation_shift = d.relu ? 0 : -1;

  args.c_rs1_1 = (channels >> 1) - 1;
  args.c_rs2_1 = (channels >> 2) - 1;
  args.c_div_x_1 = channels / lanes - 1;
  args.c_remainder = channels % lanes * bytes;
  args.n_div_x = slice.count / lanes;
  args.n_remainder = slice.count % lanes;
  args.filter_element_unaligned =
      args.n_remainder != 0 ? weights + args.n_div_x * lanes * of_channel : weights;
  args.xtensa_dilation_x_offset = (tap_x - channels) * bytes;
  args.xtensa_dilation_y_offset_stable = tap_y;
  args.xtensa_dilation_y_offset =
      (tap_y - channels - (d.kernel_width - 1) * tap_x) * bytes;
  if (depthwise) {
    args.filter_w_rs1_1 = (d.kernel_width >> 1) - 1;
    args.tie_depth2d_dilation_x_offset = tap_x * bytes;
    args.tie_depth2d_dilation_y_offset_stable = tap_y;
    args.tie_depth2d_dilation_y_offset = (tap_y - (d.kernel_width - 1) * tap_x) * bytes;
    args.tie_depth2d_next_hwx1 =
        kVectorBytes - ((d.kernel_width - 1) * tap_x + (d.kernel_height - 1) * tap_y) * bytes;
  }
  return args;
}

/* Calls ESP-DL's kernel, which writes into its block, for one slice after the other. */
template <typename T>
void in_slices(const espdl_conv_t &d, const T *x, T *y, void (*kernel)(void *const)) {
  for (Slice slice = slice_from(d, 0); slice.count > 0;
       slice = slice_from(d, slice.first + slice.count)) {
    auto args = convolution(d, x, y, slice, false);
    kernel(&args);
  }
}

}  // namespace espdl

#endif
