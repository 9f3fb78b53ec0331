/*
 * What conv2d and depthwise_conv2d share: the products of a window, the bias they start from, and the
 * way from a sum to a result (semantics: "Conv2d, depthwise conv, Gemm, MatMul"; ESP-DL
 * dl/base/dl_base.hpp, TensorBase::reset_bias_layout and the vector kernels in dl/base/isa).
 */
#ifndef ESPDL_ACCUMULATE_H
#define ESPDL_ACCUMULATE_H

#include <stdbool.h>
#include <string.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"
#include "espdl_window.h"

/* On the ESP32-S3 a run of packed bias fields starts every 32 bytes and fills 20 of them. */
#define ESPDL_BIAS_RUN_BYTES 20
#define ESPDL_BIAS_RUN_STRIDE 32

/*
 * Compilers that load far ahead run out of registers, and then every product costs a load more:
 * this keeps loads where they are, and costs nothing itself.
 */
#if defined(__GNUC__)
#define ESPDL_FENCE __atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
#define ESPDL_FENCE
#endif

/*
 * Output channels that are computed together, and the most outputs: their sums, and what is needed
 * to walk over their values, stay in the processor's registers.
 */
#define ESPDL_CHANNELS 4
#if defined(__XTENSA__)
#define ESPDL_PIXELS 2
#else
#define ESPDL_PIXELS 3
#endif

/*
 * Where the products of a window lie: `rows` of `runs` of `length` neighbours. Gaps lead from the
 * end of a run to the next one of the row, and from the end of a row to the next one.
 */
typedef struct {
  int32_t rows;
  int32_t runs;
  int32_t length;
  int32_t x_run_gap;
  int32_t x_row_gap;
  int32_t w_row_gap;
} espdl_walk_t;

/* A register that sums are kept in: its width, and the products between two clamps, 0: none. */
typedef struct {
  int32_t bits;
  int32_t per_clamp;
} espdl_register_t;

/* The register of channels in full vectors. */
static inline espdl_register_t espdl_lane_register(const espdl_conv_t *d) {
  const espdl_register_t kept = {d->lane_bits, d->lane_products_per_clamp};
  return kept;
}

/* The register of the remaining channels. */
static inline espdl_register_t espdl_rest_register(const espdl_conv_t *d) {
  const espdl_register_t kept = {d->rest_bits, d->rest_products_per_clamp};
  return kept;
}

/*
 * The walk over a window of which some taps are inside the image, and of each `depth` channels
 * count. Where image and filter have taps side by side, a row is one run, if they may be joined.
 */
static inline espdl_walk_t espdl_walk_of(const espdl_conv_t *d, espdl_taps_t rows,
                                         espdl_taps_t columns, int32_t depth, bool joined) {
  const int32_t taps = columns.end - columns.first;
  const int32_t channels = d->input_channels;
  const bool one_run = joined && d->dilation_x == 1 && depth == channels;
  espdl_walk_t walk = {1, 1, 0, 0, 0, 0};
  if (rows.end > rows.first && taps > 0) {
    walk.rows = rows.end - rows.first;
    walk.runs = one_run ? 1 : taps;
    walk.length = one_run ? taps * depth : depth;
    walk.x_run_gap = one_run ? 0 : d->dilation_x * channels - depth;
    walk.x_row_gap =
        (d->dilation_y * d->input_width - (taps - 1) * d->dilation_x) * channels - depth;
    walk.w_row_gap = (d->kernel_width - taps) * depth;
  }
  return walk;
}

/* Field number `channel` of the ESP32-S3's packed bias, sign-extended. */
static inline int64_t espdl_packed_bias(const espdl_conv_t *d, int32_t channel) {
  const int32_t bits = d->packed_bias_bits;
  const int32_t fields = ESPDL_BIAS_RUN_BYTES * 8 / bits;
  const int32_t first = channel % fields * bits;
  const uint8_t *bytes = d->bias;
  bytes += channel / fields * ESPDL_BIAS_RUN_STRIDE + first / 8;
  uint64_t field = 0;
  for (int32_t i = 0; i * 8 < bits + first % 8; ++i) {
    field |= (uint64_t)bytes[i] << (i * 8);
  }
  const int32_t unused = 64 - bits;
  return (int64_t)(field >> (first % 8) << unused) >> unused;
}

/*
 * The bias of a channel; 0 without bias. `raw_bytes` is the size of an unpacked value. Where the
 * first `in_vectors` channels are packed, the remaining ones follow as 64-bit integers.
 */
static inline int64_t espdl_bias_of(const espdl_conv_t *d, int32_t channel, int32_t in_vectors,
                                    int32_t raw_bytes) {
  if (d->bias == NULL) {
    return 0;
  }
  if (d->packed_bias_bits == 0) {
    return raw_bytes == 4 ? ((const int32_t *)d->bias)[channel]
                          : ((const int64_t *)d->bias)[channel];
  }
  if (channel < in_vectors) {
    return espdl_packed_bias(d, channel);
  }
  const int32_t fields = ESPDL_BIAS_RUN_BYTES * 8 / d->packed_bias_bits;
  const uint8_t *remaining = d->bias;
  remaining += in_vectors / fields * ESPDL_BIAS_RUN_STRIDE + (channel - in_vectors) * 8;
  int64_t value;
  memcpy(&value, remaining, sizeof value);
  return value;
}

/* A sum shifted to the output's exponent, after the activation, before it is saturated. */
static inline int64_t espdl_finish(const espdl_conv_t *d, int64_t sum, int32_t shift) {
  if (d->rest_products_per_clamp == 0 && d->rest_bits == 32) {
    sum = (int32_t)(uint32_t)(uint64_t)sum; /* a 32-bit register without clamps has wrapped */
  }
  const int64_t rounded = espdl_shift_and_round(sum, shift, d->half_even);
  return d->relu && rounded < 0 ? 0 : rounded;
}

#endif
