/*
 * Of ESP-DL's assembly, the kernels that are called without a function of dl::base around them.
 */
#pragma once

#include <stdint.h>

#include "dl_define.hpp"

extern "C" {
#if CONFIG_PIE_V1_BOOST
void dl_tie728_s8_resize_nearest_2x2_c1(int8_t *output_ptr, int8_t *input_ptr, void *args_ptr);
void dl_tie728_s8_resize_nearest_c1(int8_t *output_ptr, int8_t *input_ptr, void *args_ptr);
void dl_tie728_s8_unaligned_resize_nearest_2x2_c1(int8_t *output_ptr, int8_t *input_ptr,
                                                  void *args_ptr);
void dl_tie728_s8_unaligned_resize_nearest_c1(int8_t *output_ptr, int8_t *input_ptr,
                                              void *args_ptr);
#endif
#if CONFIG_PIE_V2_BOOST
void dl_esp32p4_s8_resize_nearest_2x2_c1(int8_t *output_ptr, int8_t *input_ptr, void *args_ptr);
void dl_esp32p4_s8_resize_nearest_c1(int8_t *output_ptr, int8_t *input_ptr, void *args_ptr);
void dl_esp32p4_s8_unaligned_resize_nearest_2x2_c1(int8_t *output_ptr, int8_t *input_ptr,
                                                   void *args_ptr);
void dl_esp32p4_s8_unaligned_resize_nearest_c1(int8_t *output_ptr, int8_t *input_ptr,
                                               void *args_ptr);
#endif
}
