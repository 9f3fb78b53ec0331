/*
 * The argument block of element-wise operators with broadcasting; d0 is the innermost dimension.
 */
#pragma once

#include "dl_base.hpp"

namespace dl {
namespace base {
template <typename in_feature_t, typename out_feature_t = in_feature_t> struct elemwiseArgsType {
  in_feature_t *input0_element;
  in_feature_t *input1_element;
  out_feature_t *output_element;
  int input0_d0;
  int input0_d1_stride;
  int input0_d2_stride;
  int input0_d3_stride;
  int input1_d0;
  int input1_d1_stride;
  int input1_d2_stride;
  int input1_d3_stride;
  ESPDL_DOUBLE_EXTRA_MEMBER
  int output_d0;
  int output_d1;
  int output_d2;
  int output_d3;
  int dims;
  int c_div_x_1;
  int c_div_2x_1;
  int c_left_x_1;
  int c_remainder;
  int mul_shift;
  float input0_scale;
  float input1_scale;
  float output_rescale;
  in_feature_t *table;
  int compare_mask;
};
} // namespace base
} // namespace dl
