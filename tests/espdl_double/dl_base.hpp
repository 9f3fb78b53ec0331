/*
 * The argument blocks of convolutions, activations, resizes and requantizations: names, order and
 * types of the members are ESP-DL's, for its assembly reads them at fixed offsets.
 *
 * With ESPDL_DOUBLE_SHIFTED_LAYOUT each block has one member more, as another version might.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "dl_define.hpp"
#include "dl_tool.hpp"

#ifdef ESPDL_DOUBLE_SHIFTED_LAYOUT
#define ESPDL_DOUBLE_EXTRA_MEMBER int added_by_another_version;
#else
#define ESPDL_DOUBLE_EXTRA_MEMBER
#endif

namespace dl {
namespace base {
template <typename feature_t> struct ArgsType {
  feature_t *input_element = nullptr;
  int input_channel;
  int input_stride_y_offset;
  int input_stride_x_offset;
  int input_dilation_y_offset;
  int input_dilation_x_offset;
  feature_t *output_element = nullptr;
  int output_height;
  int output_width;
  int output_channel;
  int output_y_offset;
  int output_x_offset;
  const void *filter_element = nullptr;
  int filter_height;
  int filter_width;
  int filter_y_offset;
  int mac_shift;
  const void *bias_element = nullptr;
  activation_type_t activation_type;
  int activation_alpha;
  const void *activation_alpha_ptr = nullptr;
  int activation_shift;
  int c_rs1_1;
  int c_rs2_1;
  ESPDL_DOUBLE_EXTRA_MEMBER
  int n_div_x;
  int c_div_x_1;
#if CONFIG_PIE_V2_BOOST
  feature_t *tie_filter_channel_factor = nullptr;
#else
  int16_t *tie_filter_channel_factor = nullptr;
#endif
  int xtensa_dilation_x_offset;
  int xtensa_dilation_y_offset;
  int tie_conv2d_dilation_x_offset;
  int tie_conv2d_dilation_y_offset;
  int tie_depth2d_dilation_x_offset;
  int tie_depth2d_dilation_y_offset;
  int tie_depth2d_next_hwx1;
  int c_remainder;
  int n_remainder;
  int filter_n_offset;
  int filter_w_rs1_1;
  int16_t *filter_channel_factor = nullptr;
  int input_channel_with_padding;
  int filter_y_offset_unaligned;
  int filter_n_offset_unaligned;
  const void *filter_element_unaligned = nullptr;
  int output_shift;
  int output_scale;
  int padding_h_head;
  int padding_h_tail;
  int padding_w_head;
  int padding_w_tail;
  int dilation_h;
  int dilation_w;
  int stride_x;
  int stride_y;
  int input_y_offset;
  int filter_c;
  int xtensa_dilation_y_offset_stable;
  int tie_depth2d_dilation_y_offset_stable;
  int input_width;
  int filter_y_offset_c;
  int filter_n_offset_c;
  int element_num;
  int input_height;
  void *debug_value = nullptr;
  bool auto_split;
};

template <typename feature_t> struct resizeArgsType {
  feature_t *input_element;
  int input_height;
  int input_width;
  int input_channel;
  feature_t *output_element;
  ESPDL_DOUBLE_EXTRA_MEMBER
  int output_x_offset;
  int output_y_offset;
  resize_mode_t resize_mode;
  float scale_h;
  float scale_w;
  int c_div_x;
  int c_remainder;
  int output_shift;
  int output_scale;
  int dims;
  int output_height;
  int output_width;
  int align_corners;
  float scale_h_inv;
  float scale_w_inv;
  float *cache;
  int input_exponent;
  int output_exponent;
};

struct requantizeArgsType {
  void *input_element;
  void *output_element;
  ESPDL_DOUBLE_EXTRA_MEMBER
  int size_div_x;
  int in_size_remainder;
  int out_size_remainder;
  int output_shift;
  int output_scale;
};
} // namespace base
} // namespace dl
