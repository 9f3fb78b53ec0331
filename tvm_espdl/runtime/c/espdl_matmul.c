/*
 * matmul: products of computed matrices, batch by batch, each as the 1x1 convolution that ESP-DL
 * makes of it: the same registers, the same order of products. The second factor is the filter.
 *
 * Semantics: "Conv2d, depthwise conv, Gemm, MatMul"; ESP-DL dl/module/include/dl_module_matmul.hpp.
 */
#include "espdl_accumulate.h"

static espdl_conv_t as_convolution(const espdl_matmul_t *d) {
  const espdl_conv_t product = {
      .input_height = 1,
      .input_width = d->rows,
      .input_channels = d->depth,
      .output_height = 1,
      .output_width = d->rows,
      .output_channels = d->columns,
      .output_pitch = d->columns,
      .kernel_height = 1,
      .kernel_width = 1,
      .stride_y = 1,
      .stride_x = 1,
      .dilation_y = 1,
      .dilation_x = 1,
      .shift = d->shift,
      .relu = d->relu,
      .half_even = d->half_even,
      .ordered = 1,
      .lane_bits = d->lane_bits,
      .lane_products_per_clamp = d->lane_products_per_clamp,
      .rest_bits = d->rest_bits,
      .rest_products_per_clamp = d->rest_products_per_clamp,
  };
  return product;
}

#define ESPDL_BODY "espdl_matmul_body.h"
#include "espdl_each_type.h"
