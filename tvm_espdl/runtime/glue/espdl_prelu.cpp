/*
 * prelu by ESP-DL's prelu; 16-bit data on the ESP32-P4 and ESP32-S31 are C++, as without vectors.
 *
 *              with vectors             without
 *   alignment  alpha                    any
 *   over-read  16 of input and alpha    0
 *   in place   the input                the input
 *
 * Source: ESP-DL dl/base/dl_base_prelu.cpp, dl_base.hpp (activation_shell) and dl/base/isa.
 */
#include "espdl_glue.hpp"

namespace {

/* The block of an activation, as get_activation_args fills it (ESP-DL dl/base/dl_base.hpp). */
template <typename T>
dl::base::ArgsType<T> activation(const espdl_prelu_t &d, const T *x, T *y) {
  constexpr int lanes = espdl::kLanes<T>;
  const int vectors = d.channels / lanes;
  dl::base::ArgsType<T> args = {};
  args.input_element = espdl::unconst(x);
  args.input_channel = d.channels;
  args.input_stride_x_offset = d.channels;
  args.output_element = y;
  args.output_height = 1;
  args.output_width = d.pixels;
  args.output_channel = d.channels;
  args.output_x_offset = d.channels;
  args.output_shift = espdl::right_shift_of(d.change);
  args.output_scale = espdl::factor_of(d.change);
  args.activation_type = dl::PReLU;
  args.activation_alpha_ptr = d.alpha;
  args.activation_shift = d.shift;
  args.c_div_x_1 = vectors - 1;
  args.c_remainder = d.channels % lanes * static_cast<int>(sizeof(T));
  args.n_div_x = vectors;
  args.c_rs1_1 = vectors >= 2 ? vectors / 2 - 1 : 0;
  args.c_rs2_1 = vectors - 2 * args.c_rs1_1 - 1;
  return args;
}

}  // namespace

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_prelu_s8(const espdl_prelu_t *d, const int8_t *x, int8_t *y) {
  auto args = activation(*d, x, y);
  dl::base::prelu<int8_t>(&args);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_prelu_s16(const espdl_prelu_t *d, const int16_t *x, int16_t *y) {
  auto args = activation(*d, x, y);
  dl::base::prelu<int16_t>(&args);
}
#endif
