/*
 * depthwise_conv2d and depthwise_conv1d by ESP-DL's depthwise_conv2d.
 *
 *              with vectors                        without
 *   alignment  filter, bias, shifts                any
 *   over-read  16 of input and filter, 48 of bias  0
 *   in place   none                                none
 *   heap       none                                a sum for each channel, at each call
 *
 * With vectors, every pixel of a result whose pixels lie apart begins at a multiple of 16 bytes.
 *
 * Source: ESP-DL dl/base/dl_base_depthwise_conv2d.cpp, dl_base.hpp (dwconv_operation_shell) and
 * dl/base/isa.
 */
#include "espdl_convolution.hpp"

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_depthwise_conv2d_s8(const espdl_conv_t *d, const int8_t *x, int8_t *y) {
  auto args = espdl::convolution(*d, x, y, espdl::whole(*d), true);
  dl::base::depthwise_conv2d<int8_t, int32_t, int32_t>(&args);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_depthwise_conv2d_s16(const espdl_conv_t *d, const int16_t *x, int16_t *y) {
  auto args = espdl::convolution(*d, x, y, espdl::whole(*d), true);
  dl::base::depthwise_conv2d<int16_t, int32_t, int64_t>(&args);
}
#endif
