/*
 * conv2d, conv1d and gemm by ESP-DL's conv2d.
 *
 *              ESP32-S3           ESP32-P4, ESP32-S31   others
 *   alignment  filter, bias       filter, bias, shifts  none
 *   over-read  16                 16                    0
 *   in place   none               none                  none
 *   heap       none               none                  a sum for each output channel, at each call
 *
 * Source: ESP-DL dl/base/dl_base_conv2d.cpp, dl_base.hpp (conv_operation_shell) and the conv2d
 * kernels in dl/base/isa.
 */
#include "espdl_convolution.hpp"

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_conv2d_s8(const espdl_conv_t *d, const int8_t *x, int8_t *y) {
  auto args = espdl::convolution(*d, x, y, false);
  dl::base::conv2d<int8_t, int32_t, int32_t>(&args);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_conv2d_s16(const espdl_conv_t *d, const int16_t *x, int16_t *y) {
  auto args = espdl::convolution(*d, x, y, false);
  dl::base::conv2d<int16_t, int32_t, int64_t>(&args);
}
#endif
