/*
 * conv2d and gemm: y = saturate(activation(round((b + sum(x * w)) >> shift))).
 *
 * Semantics: "Conv2d, depthwise conv, Gemm, MatMul"; ESP-DL dl/base/dl_base_conv2d.cpp and the
 * conv2d kernels in dl/base/isa.
 */
#include "espdl_accumulate.h"

#define ESPDL_BODY "espdl_conv2d_body.h"
#include "espdl_each_type.h"
