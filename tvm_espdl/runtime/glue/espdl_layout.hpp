/*
 * ESP-DL's argument blocks as release 3.3.9 has them: assembly reads their members by offsets, in
 * words of four bytes. A member that has moved, or has another type, does not compile.
 * espdl_glue.hpp includes this file. Sources: ESP-DL dl/base/dl_base.hpp, dl_base_elemwise.hpp,
 * dl_base_pool2d.hpp.
 */
#ifndef ESPDL_LAYOUT_HPP
#define ESPDL_LAYOUT_HPP

#include <stddef.h>
#include <stdint.h>

namespace espdl {

/* Offsets are the chips', where a pointer is a word. */
constexpr bool kWordPointers = sizeof(void *) == 4;

#define ESPDL_MEMBER(word, type, member)                                        \
  static_assert(__is_same(decltype(Block::member), type) &&                     \
                    (!kWordPointers || offsetof(Block, member) == 4 * (word)), \
                "a member of ESP-DL's block is not that of release 3.3.9: " #member)
#define ESPDL_WORDS(words)                                          \
  static_assert(!kWordPointers || sizeof(Block) == 4 * (words), \
                "ESP-DL's block has not the size that it has in release 3.3.9")

template <typename T>
struct ConvolutionLayout {
  using Block = dl::base::ArgsType<T>;
#if CONFIG_PIE_V2_BOOST
  using Factor = T;
#else
  using Factor = int16_t;
#endif
  ESPDL_WORDS(64);
  ESPDL_MEMBER(0, T *, input_element);
  ESPDL_MEMBER(1, int, input_channel);
  ESPDL_MEMBER(2, int, input_stride_y_offset);
  ESPDL_MEMBER(3, int, input_stride_x_offset);
  ESPDL_MEMBER(4, int, input_dilation_y_offset);
  ESPDL_MEMBER(5, int, input_dilation_x_offset);
  ESPDL_MEMBER(6, T *, output_element);
  ESPDL_MEMBER(7, int, output_height);
  ESPDL_MEMBER(8, int, output_width);
  ESPDL_MEMBER(9, int, output_channel);
  ESPDL_MEMBER(10, int, output_y_offset);
  ESPDL_MEMBER(11, int, output_x_offset);
  ESPDL_MEMBER(12, const void *, filter_element);
  ESPDL_MEMBER(13, int, filter_height);
  ESPDL_MEMBER(14, int, filter_width);
  ESPDL_MEMBER(15, int, filter_y_offset);
  ESPDL_MEMBER(16, int, mac_shift);
  ESPDL_MEMBER(17, const void *, bias_element);
  ESPDL_MEMBER(18, dl::activation_type_t, activation_type);
  ESPDL_MEMBER(19, int, activation_alpha);
  ESPDL_MEMBER(20, const void *, activation_alpha_ptr);
  ESPDL_MEMBER(21, int, activation_shift);
  ESPDL_MEMBER(22, int, c_rs1_1);
  ESPDL_MEMBER(23, int, c_rs2_1);
  ESPDL_MEMBER(24, int, n_div_x);
  ESPDL_MEMBER(25, int, c_div_x_1);
  ESPDL_MEMBER(26, Factor *, tie_filter_channel_factor);
  ESPDL_MEMBER(27, int, xtensa_dilation_x_offset);
  ESPDL_MEMBER(28, int, xtensa_dilation_y_offset);
  ESPDL_MEMBER(31, int, tie_depth2d_dilation_x_offset);
  ESPDL_MEMBER(32, int, tie_depth2d_dilation_y_offset);
  ESPDL_MEMBER(33, int, tie_depth2d_next_hwx1);
  ESPDL_MEMBER(34, int, c_remainder);
  ESPDL_MEMBER(35, int, n_remainder);
  ESPDL_MEMBER(36, int, filter_n_offset);
  ESPDL_MEMBER(37, int, filter_w_rs1_1);
  ESPDL_MEMBER(39, int, input_channel_with_padding);
  ESPDL_MEMBER(40, int, filter_y_offset_unaligned);
  ESPDL_MEMBER(41, int, filter_n_offset_unaligned);
  ESPDL_MEMBER(42, const void *, filter_element_unaligned);
  ESPDL_MEMBER(43, int, output_shift);
  ESPDL_MEMBER(44, int, output_scale);
  ESPDL_MEMBER(45, int, padding_h_head);
  ESPDL_MEMBER(46, int, padding_h_tail);
  ESPDL_MEMBER(47, int, padding_w_head);
  ESPDL_MEMBER(48, int, padding_w_tail);
  ESPDL_MEMBER(49, int, dilation_h);
  ESPDL_MEMBER(50, int, dilation_w);
  ESPDL_MEMBER(51, int, stride_x);
  ESPDL_MEMBER(52, int, stride_y);
  ESPDL_MEMBER(53, int, input_y_offset);
  ESPDL_MEMBER(54, int, filter_c);
  ESPDL_MEMBER(55, int, xtensa_dilation_y_offset_stable);
  ESPDL_MEMBER(56, int, tie_depth2d_dilation_y_offset_stable);
  ESPDL_MEMBER(57, int, input_width);
  ESPDL_MEMBER(58, int, filter_y_offset_c);
  ESPDL_MEMBER(59, int, filter_n_offset_c);
  ESPDL_MEMBER(61, int, input_height);
};

template <typename T, typename Y>
struct ElementwiseLayout {
  using Block = dl::base::elemwiseArgsType<T, Y>;
  ESPDL_WORDS(26);
  ESPDL_MEMBER(0, T *, input0_element);
  ESPDL_MEMBER(1, T *, input1_element);
  ESPDL_MEMBER(2, Y *, output_element);
  ESPDL_MEMBER(3, int, input0_d0);
  ESPDL_MEMBER(4, int, input0_d1_stride);
  ESPDL_MEMBER(5, int, input0_d2_stride);
  ESPDL_MEMBER(6, int, input0_d3_stride);
  ESPDL_MEMBER(7, int, input1_d0);
  ESPDL_MEMBER(8, int, input1_d1_stride);
  ESPDL_MEMBER(9, int, input1_d2_stride);
  ESPDL_MEMBER(10, int, input1_d3_stride);
  ESPDL_MEMBER(11, int, output_d0);
  ESPDL_MEMBER(12, int, output_d1);
  ESPDL_MEMBER(13, int, output_d2);
  ESPDL_MEMBER(14, int, output_d3);
  ESPDL_MEMBER(15, int, dims);
  ESPDL_MEMBER(16, int, c_div_x_1);
  ESPDL_MEMBER(17, int, c_div_2x_1);
  ESPDL_MEMBER(18, int, c_left_x_1);
  ESPDL_MEMBER(19, int, c_remainder);
  ESPDL_MEMBER(20, int, mul_shift);
  ESPDL_MEMBER(21, float, input0_scale);
  ESPDL_MEMBER(22, float, input1_scale);
  ESPDL_MEMBER(23, float, output_rescale);
  ESPDL_MEMBER(24, T *, table);
  ESPDL_MEMBER(25, int, compare_mask);
};

template <typename T>
struct PoolLayout {
  using Block = dl::base::PoolArgsType<T>;
  ESPDL_WORDS(32);
  ESPDL_MEMBER(0, T *, input_element);
  ESPDL_MEMBER(1, int, input_channel);
  ESPDL_MEMBER(2, int, input_stride_y_offset);
  ESPDL_MEMBER(3, int, input_stride_x_offset);
  ESPDL_MEMBER(4, int, input_y_offset_bytes);
  ESPDL_MEMBER(5, int, input_x_offset_bytes);
  ESPDL_MEMBER(6, T *, output_element);
  ESPDL_MEMBER(7, int, output_height);
  ESPDL_MEMBER(8, int, output_width);
  ESPDL_MEMBER(9, int, output_channel);
  ESPDL_MEMBER(10, int, output_y_offset);
  ESPDL_MEMBER(11, int, output_x_offset);
  ESPDL_MEMBER(12, int, filter_height);
  ESPDL_MEMBER(13, int, filter_width);
  ESPDL_MEMBER(15, int, c_remainder);
  ESPDL_MEMBER(17, int, input_height);
  ESPDL_MEMBER(18, int, input_width);
  ESPDL_MEMBER(19, int, padding_h_head);
  ESPDL_MEMBER(20, int, padding_h_tail);
  ESPDL_MEMBER(21, int, padding_w_head);
  ESPDL_MEMBER(22, int, padding_w_tail);
  ESPDL_MEMBER(23, int, stride_x);
  ESPDL_MEMBER(24, int, stride_y);
  ESPDL_MEMBER(26, int, c_div_x_1);
  ESPDL_MEMBER(27, int, input_y_offset);
  ESPDL_MEMBER(28, int, input_x_offset);
};

struct RequantizeLayout {
  using Block = dl::base::requantizeArgsType;
  ESPDL_WORDS(7);
  ESPDL_MEMBER(0, void *, input_element);
  ESPDL_MEMBER(1, void *, output_element);
  ESPDL_MEMBER(2, int, size_div_x);
  ESPDL_MEMBER(3, int, in_size_remainder);
  ESPDL_MEMBER(4, int, out_size_remainder);
  ESPDL_MEMBER(5, int, output_shift);
  ESPDL_MEMBER(6, int, output_scale);
};

struct ResizeLayout {
  using Block = dl::base::resizeArgsType<int8_t>;
  ESPDL_WORDS(23);
  ESPDL_MEMBER(0, int8_t *, input_element);
  ESPDL_MEMBER(1, int, input_height);
  ESPDL_MEMBER(2, int, input_width);
  ESPDL_MEMBER(3, int, input_channel);
  ESPDL_MEMBER(4, int8_t *, output_element);
  ESPDL_MEMBER(5, int, output_x_offset);
  ESPDL_MEMBER(6, int, output_y_offset);
  ESPDL_MEMBER(7, dl::resize_mode_t, resize_mode);
  ESPDL_MEMBER(8, float, scale_h);
  ESPDL_MEMBER(9, float, scale_w);
  ESPDL_MEMBER(10, int, c_div_x);
  ESPDL_MEMBER(11, int, c_remainder);
  ESPDL_MEMBER(12, int, output_shift);
  ESPDL_MEMBER(13, int, output_scale);
  ESPDL_MEMBER(14, int, dims);
  ESPDL_MEMBER(15, int, output_height);
  ESPDL_MEMBER(16, int, output_width);
  ESPDL_MEMBER(17, int, align_corners);
  ESPDL_MEMBER(18, float, scale_h_inv);
  ESPDL_MEMBER(19, float, scale_w_inv);
};

#undef ESPDL_MEMBER
#undef ESPDL_WORDS

/* A template's assertions are checked where it is used. */
static_assert(sizeof(ConvolutionLayout<int8_t>) + sizeof(ConvolutionLayout<int16_t>) +
                  sizeof(ElementwiseLayout<int8_t, int8_t>) +
                  sizeof(ElementwiseLayout<int16_t, int16_t>) +
                  sizeof(ElementwiseLayout<int8_t, bool>) +
                  sizeof(ElementwiseLayout<int16_t, bool>) + sizeof(PoolLayout<int8_t>) +
                  sizeof(PoolLayout<int16_t>) >
              0);

}  // namespace espdl

#endif
