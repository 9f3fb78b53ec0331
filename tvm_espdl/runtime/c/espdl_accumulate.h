/*
 * What conv2d and depthwise_conv2d share: the runs of a window, the bias they start from, and the
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

/* Walks over the taps of a window inside the image, one run of neighbouring taps at a time. */
typedef struct {
  espdl_taps_t rows;
  espdl_taps_t columns;
  int32_t taps_per_run;
  int32_t row;
  int32_t column;
} espdl_runs_t;

/* Taps that lie side by side: `pixel` is the first one's in the image, `tap` its in the filter. */
typedef struct {
  int32_t pixel;
  int32_t tap;
} espdl_run_t;

/*
 * The runs of an output. Taps are joined to one run per row where image and filter have them side
 * by side and no clamp has to fall between them; else each run is one tap.
 */
static inline espdl_runs_t espdl_runs_of(const espdl_conv_t *d, espdl_taps_t rows,
                                         espdl_taps_t columns, bool joined) {
  espdl_runs_t runs = {rows, columns, 1, rows.first, columns.first};
  if (columns.end <= columns.first) {
    runs.rows.end = rows.first;
  } else if (joined && d->dilation_x == 1) {
    runs.taps_per_run = columns.end - columns.first;
  }
  return runs;
}

/* Gives the next run; false after the last one. */
static inline bool espdl_next_run(const espdl_conv_t *d, espdl_runs_t *runs, espdl_run_t *run) {
  if (runs->column >= runs->columns.end) {
    runs->column = runs->columns.first;
    ++runs->row;
  }
  if (runs->row >= runs->rows.end) {
    return false;
  }
  const int32_t y = runs->rows.origin + runs->row * d->dilation_y;
  const int32_t x = runs->columns.origin + runs->column * d->dilation_x;
  run->pixel = y * d->input_width + x;
  run->tap = runs->row * d->kernel_width + runs->column;
  runs->column += runs->taps_per_run;
  return true;
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
