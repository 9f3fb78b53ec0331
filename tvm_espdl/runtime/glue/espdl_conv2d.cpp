/*
 * conv2d, conv1d and gemm by ESP-DL's conv2d.
 *
 *              with vectors             without
 *   alignment  filter, bias, shifts     any
 *   over-read  16 of input and filter   0
 *   in place   none                     none
 *   heap       none                     a sum for each output channel, at each call
 *
 * With vectors, every pixel of a result whose pixels lie apart begins at a multiple of 16 bytes, and
 * so does every one of a result in slices, unless the input has no whole vectors of channels: then
 * ESP-DL's kernels store bytes anywhere.
 *
 * Source: ESP-DL dl/base/dl_base_conv2d.cpp, dl_base.hpp (conv_operation_shell) and dl/base/isa.
 */
#include "espdl_convolution.hpp"

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_conv2d_s8(const espdl_conv_t *d, const int8_t *x, int8_t *y) {
  espdl::in_slices(*d, x, y, dl::base::conv2d<int8_t, int32_t, int32_t>);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_conv2d_s16(const espdl_conv_t *d, const int16_t *x, int16_t *y) {
  espdl::in_slices(*d, x, y, dl::base::conv2d<int16_t, int32_t, int64_t>);
}
#endif
