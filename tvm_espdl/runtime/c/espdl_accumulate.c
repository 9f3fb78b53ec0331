/*
 * What conv2d, depthwise_conv2d and matmul share: from the descriptor to blocks of channels and
 * areas of outputs, and from sums to results.
 *
 * Semantics: "Conv2d, depthwise conv, Gemm, MatMul"; ESP-DL dl/base/dl_base.hpp,
 * TensorBase::reset_bias_layout and the vector kernels in dl/base/isa.
 */
#include "espdl_accumulate.h"

#define ESPDL_BODY "espdl_accumulate_body.h"
#include "espdl_each_type.h"
