/*
 * What conv2d, depthwise_conv2d and matmul share, whatever the type of the data: the walk over the
 * products of a window, registers, and the way from a sum to a result (semantics: "Conv2d,
 * depthwise conv, Gemm, MatMul"; ESP-DL dl/base/dl_base.hpp and the vector kernels in dl/base/isa).
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
 * Channels that are computed together, for up to ESPDL_PIXELS outputs at once; then the sums of
 * ESPDL_SUMMED channels are formed at a time. So many sums, and what it takes to walk over their
 * products, stay in the processor's registers.
 */
#define ESPDL_CHANNELS 4
#if defined(__XTENSA__)
#define ESPDL_PIXELS 2
#define ESPDL_SUMMED 2
#else
#define ESPDL_PIXELS 3
#define ESPDL_SUMMED 4
#endif

/* Products between two looks at sums that must stay in order, where a tile may choose. */
#define ESPDL_LOOK_AFTER 16

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
 * The walk over a window of which some taps are inside the image. `depth` channels of each count:
 * all of them or one. All channels of taps that lie side by side are one run.
 */
static inline espdl_walk_t espdl_walk_of(const espdl_conv_t *d, const espdl_taps_t *rows,
                                         const espdl_taps_t *columns, int32_t depth) {
  const int32_t taps = columns->end - columns->first;
  const int32_t channels = d->input_channels;
  const bool joined = d->dilation_x == 1 && depth == channels;
  espdl_walk_t walk = {1, 1, 0, 0, 0, 0};
  if (rows->end > rows->first && taps > 0) {
    walk.rows = rows->end - rows->first;
    walk.runs = joined ? 1 : taps;
    walk.length = joined ? taps * depth : depth;
    walk.x_run_gap = joined ? 0 : d->dilation_x * channels - depth;
    walk.x_row_gap =
        (d->dilation_y * d->input_width - (taps - 1) * d->dilation_x) * channels - depth;
    walk.w_row_gap = (d->kernel_width - taps) * depth;
  }
  return walk;
}

/* Neighbouring columns of outputs, in spans of equal taps; most images have three. */
#define ESPDL_COLUMN_SPANS 8
typedef struct {
  int32_t count;
  espdl_span_t spans[ESPDL_COLUMN_SPANS];
} espdl_columns_t;

/* The spans from the column `first` on, as many as there is room for. */
static inline espdl_columns_t espdl_columns_from(const espdl_conv_t *d, int32_t first) {
  espdl_columns_t columns;
  columns.count = 0;
  while (first < d->output_width && columns.count < ESPDL_COLUMN_SPANS) {
    columns.spans[columns.count] =
        espdl_span_from(first, d->output_width, d->stride_x, d->pad_left, d->dilation_x,
                        d->kernel_width, d->input_width);
    first += columns.spans[columns.count++].count;
  }
  return columns;
}

/* The column behind the last one. */
static inline int32_t espdl_columns_end(const espdl_columns_t *columns) {
  const espdl_span_t *last = &columns->spans[columns->count - 1];
  return last->first + last->count;
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
