/*
 * resize_nearest by the kernels of base::resize, which itself would bring the linear resize into
 * the program and, with that, ESP-DL's tensors and the streams of C++. Without vectors there are no
 * such kernels, and it is called.
 *
 *              with vectors             without
 *   alignment  any                      any
 *   over-read  16                       0
 *   in place   none                     none
 *
 * Source: ESP-DL dl/base/dl_base_resize.cpp and dl/base/isa.
 */
#include "espdl_glue.hpp"

#ifndef ESPDL_WITHOUT_S8

namespace {

using Block = dl::base::resizeArgsType<int8_t>;

/* ESP-DL dl/base/dl_base_resize.hpp, get_resize_operation_args. */
Block block(const espdl_resize_nearest_t &d, const int8_t *x, int8_t *y) {
  constexpr int lanes = espdl::kLanes<int8_t>;
  Block args = {};
  args.input_element = espdl::unconst(x);
  args.input_height = d.input_height;
  args.input_width = d.input_width;
  args.input_channel = d.channels;
  args.output_element = y;
  args.output_height = d.output_height;
  args.output_width = d.output_width;
  args.output_x_offset = d.channels;
  args.output_y_offset = d.output_width * d.channels;
  args.output_shift = espdl::right_shift_of(d.shift);
  args.output_scale = espdl::factor_of(d.shift);
  args.resize_mode = dl::RESIZE_NEAREST;
  args.dims = 4;
  args.c_div_x = d.channels / lanes;
  args.c_remainder = d.channels % lanes;
  return args;
}

#if CONFIG_PIE_V1_BOOST || CONFIG_PIE_V2_BOOST

/* Gives one pixel of the image, or four that are equal, to the result. */
using Kernel = void (*)(int8_t *y, int8_t *x, void *args);

Kernel kernel_of(bool four, bool aligned) {
#if CONFIG_PIE_V2_BOOST
  if (four) {
    return aligned ? dl_esp32p4_s8_resize_nearest_2x2_c1
                   : dl_esp32p4_s8_unaligned_resize_nearest_2x2_c1;
  }
  return aligned ? dl_esp32p4_s8_resize_nearest_c1 : dl_esp32p4_s8_unaligned_resize_nearest_c1;
#else
  if (four) {
    return aligned ? dl_tie728_s8_resize_nearest_2x2_c1
                   : dl_tie728_s8_unaligned_resize_nearest_2x2_c1;
  }
  return aligned ? dl_tie728_s8_resize_nearest_c1 : dl_tie728_s8_unaligned_resize_nearest_c1;
#endif
}

void resize(const espdl_resize_nearest_t &d, const int8_t *x, int8_t *y) {
  Block args = block(d, x, y);
  const int row = d.input_width * d.channels;
  const bool four =
      d.output_height == 2 * d.input_height && d.output_width == 2 * d.input_width;
  const bool aligned =
      args.c_remainder == 0 && espdl::is_aligned(x) && espdl::is_aligned(y);
  const Kernel kernel = kernel_of(four, aligned);
#if CONFIG_PIE_V2_BOOST
  dl_esp32p4_cfg_round(ROUND_MODE_HALF_EVEN); /* base::resize leaves it to whoever ran before */
#endif
  const int step = four ? 2 : 1;
  for (int i = 0; i < d.output_height; i += step) {
    int8_t *line = y + i * args.output_y_offset;
    for (int j = 0; j < d.output_width; j += step) {
      const int8_t *pixel = x + d.rows[i] * row + d.columns[j] * d.channels;
      kernel(line + j * d.channels, espdl::unconst(pixel), &args);
    }
  }
}

#else

void resize(const espdl_resize_nearest_t &d, const int8_t *x, int8_t *y) {
  Block args = block(d, x, y);
  args.scale_h = static_cast<float>(d.output_height) / static_cast<float>(d.input_height);
  args.scale_w = static_cast<float>(d.output_width) / static_cast<float>(d.input_width);
  args.scale_h_inv = 1.0f / args.scale_h;
  args.scale_w_inv = 1.0f / args.scale_w;
  dl::base::resize<int8_t>(&args);
}

#endif

}  // namespace

extern "C" void espdl_resize_nearest_s8(const espdl_resize_nearest_t *d, const int8_t *x,
                                        int8_t *y) {
  resize(*d, x, y);
}

#endif
