/*
 * depthwise_conv2d: y[c] = saturate(activation(round((b[c] + sum(x[c] * w[c])) >> shift))).
 *
 * Semantics: "Conv2d, depthwise conv, Gemm, MatMul"; ESP-DL dl/base/dl_base_depthwise_conv2d.cpp
 * and the depthwise kernels in dl/base/isa.
 */
#include "espdl_accumulate.h"

#define ESPDL_BODY "espdl_depthwise_conv2d_body.h"
#include "espdl_each_type.h"
