/*
 * conv2d and gemm: y = saturate(activation(round((b + sum(x * w)) >> shift))).
 *
 * Semantics: "Conv2d, depthwise conv, Gemm, MatMul"; ESP-DL dl/base/dl_base_conv2d.cpp and the
 * conv2d kernels in dl/base/isa. The body is compiled twice, for 8-bit and for 16-bit data.
 */
#include "espdl_accumulate.h"

#define ESPDL_NAME(name) name##_s8
#define ESPDL_VALUE int8_t
#define ESPDL_VALUE_BITS 8
#define ESPDL_LANES 16
#define ESPDL_SUM uint32_t
#define ESPDL_SIGNED_SUM int32_t
#include "espdl_conv2d_body.h"
#undef ESPDL_NAME
#undef ESPDL_VALUE
#undef ESPDL_VALUE_BITS
#undef ESPDL_LANES
#undef ESPDL_SUM
#undef ESPDL_SIGNED_SUM

#define ESPDL_NAME(name) name##_s16
#define ESPDL_VALUE int16_t
#define ESPDL_VALUE_BITS 16
#define ESPDL_LANES 8
#define ESPDL_SUM uint64_t
#define ESPDL_SIGNED_SUM int64_t
#include "espdl_conv2d_body.h"
