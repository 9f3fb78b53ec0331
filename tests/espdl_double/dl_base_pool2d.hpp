/*
 * The argument block of pools.
 */
#pragma once

#include "dl_base.hpp"

namespace dl {
namespace base {
template <typename feature_t> struct PoolArgsType {
  feature_t *input_element;
  int input_channel;
  int input_stride_y_offset;
  int input_stride_x_offset;
  int input_y_offset_bytes;
  int input_x_offset_bytes;
  feature_t *output_element;
  int output_height;
  int output_width;
  int output_channel;
  int output_y_offset;
  int output_x_offset;
  ESPDL_DOUBLE_EXTRA_MEMBER
  int filter_height;
  int filter_width;
  int mac_shift;
  int c_remainder;
  int avg_pool_area_inv;
  int input_height;
  int input_width;
  int padding_h_head;
  int padding_h_tail;
  int padding_w_head;
  int padding_w_tail;
  int stride_x;
  int stride_y;
  int pool_exponent;
  int c_div_x_1;
  int input_y_offset;
  int input_x_offset;
  int input_exponent;
  int output_exponent;
  int avg_pool_area;
};
} // namespace base
} // namespace dl
