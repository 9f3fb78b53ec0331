/*
 * The body of espdl_accumulate.c for one data type; espdl_each_type.h says what is set.
 */
#include "espdl_block.h"

#if ESPDL_VALUE_BITS == 8
#define ESPDL_UNSIGNED uint32_t
/* Sums stay below it, with room for what is added before they are shifted. */
#define ESPDL_LARGEST 0x7f000000
/* The widest register whose sums a tile can look at; where the upper bits, which it sees, begin. */
#define ESPDL_WIDEST 24
#define ESPDL_UPPER_BEGINS 0
#else
#define ESPDL_UNSIGNED uint64_t
/* 2^16 products stay below it. */
#define ESPDL_LARGEST ((int64_t)1 << 46)
#define ESPDL_WIDEST 46
#define ESPDL_UPPER_BEGINS 16
#endif

#ifndef ESPDL_WITHOUT_LANES
/* Of the bias with packed fields: `in_vectors` of them, and then 64-bit integers. */
static ESPDL_SUM ESPDL_NAME(packed_bias)(const espdl_conv_t *d, int32_t channel,
                                         int32_t in_vectors) {
  const int32_t bits = d->packed_bias_bits;
  const int32_t fields = ESPDL_BIAS_RUN_BYTES * 8 / bits;
  const uint8_t *bytes = d->bias;
  if (channel >= in_vectors) {
    int64_t value;
    bytes += in_vectors / fields * ESPDL_BIAS_RUN_STRIDE + (channel - in_vectors) * 8;
    memcpy(&value, bytes, sizeof value);
    return (ESPDL_SUM)value;
  }
  const int32_t first = channel % fields * bits;
  const int32_t unused = (int32_t)sizeof(ESPDL_SUM) * 8 - bits;
  ESPDL_UNSIGNED field = 0;
  bytes += channel / fields * ESPDL_BIAS_RUN_STRIDE + first / 8;
  for (int32_t i = 0; i * 8 < bits + first % 8; ++i) {
    field |= (ESPDL_UNSIGNED)bytes[i] << (i * 8);
  }
  return (ESPDL_SUM)(field >> (first % 8) << unused) >> unused;
}
#endif

/* The bias of a channel; 0 without bias. */
static ESPDL_SUM ESPDL_NAME(bias_of)(const espdl_conv_t *d, int32_t channel, int32_t in_vectors) {
  if (d->bias == NULL) {
    return 0;
  }
#ifndef ESPDL_WITHOUT_LANES
  if (d->packed_bias_bits != 0) {
    return ESPDL_NAME(packed_bias)(d, channel, in_vectors);
  }
#else
  (void)in_vectors;
#endif
  return ((const ESPDL_SUM *)d->bias)[channel];
}

/* The sum of one channel of one output in the chip's order, clamped where its register is. */
static int64_t ESPDL_NAME(in_order)(const espdl_walk_t *walk, espdl_register_t kept,
                                    const ESPDL_VALUE *x, const ESPDL_VALUE *w, int32_t stride,
                                    int64_t sum) {
  const int64_t highest = espdl_highest(kept.bits);
  const int32_t step = kept.per_clamp == 0 ? walk->length : kept.per_clamp;
  const int32_t run_pitch = walk->length + walk->x_run_gap;
  const int32_t row_pitch = walk->runs * run_pitch - walk->x_run_gap + walk->x_row_gap;
  const int32_t w_row_pitch = walk->runs * walk->length + walk->w_row_gap;
  for (int32_t row = 0; row < walk->rows; ++row) {
    for (int32_t run = 0; run < walk->runs; ++run) {
      const int32_t value = row * row_pitch + run * run_pitch;
      const int32_t weight = row * w_row_pitch + run * walk->length;
      for (int32_t i = 0; i < walk->length; i += step) {
        const int32_t end = walk->length - i < step ? walk->length : i + step;
        int64_t products = 0;
        for (int32_t j = i; j < end; ++j) {
          products += (int32_t)x[value + j] * w[(weight + j) * stride];
        }
        sum = kept.per_clamp == 0 ? espdl_add_wrapping(sum, products)
                                  : espdl_add_clamped(sum, products, -1 - highest, highest);
      }
    }
  }
  return sum;
}

/* The results of an output from its sums, in 64 bits. */
static void ESPDL_NAME(finish)(const espdl_conv_t *d, const ESPDL_NAME(block_t) *b,
                               const int64_t *sums, ESPDL_VALUE *y) {
  for (int32_t i = 0; i < b->count; ++i) {
    y[i] = ESPDL_NAME(espdl_saturate)(espdl_finish(d, sums[i], b->shifts[i]));
  }
}

/* An output from sums in the chip's order. */
static void ESPDL_NAME(exact)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area,
                              const ESPDL_NAME(block_t) *b, const ESPDL_VALUE *x,
                              ESPDL_VALUE *y) {
  espdl_walk_t apart = area->walk;
  if (apart.length > b->depth) {
    apart.runs = apart.length / b->depth; /* no clamp spans two taps */
    apart.length = b->depth;
  }
  int64_t sums[ESPDL_CHANNELS];
  for (int32_t i = 0; i < b->count; ++i) {
    const ESPDL_VALUE *weights = area->weights + i * b->places[1];
    sums[i] = ESPDL_NAME(in_order)(&apart, b->kept, x, weights, b->stride, b->bias[i]);
    x += b->value_distance;
  }
  ESPDL_NAME(finish)(d, b, sums, y);
}

void ESPDL_NAME(espdl_in_order)(const espdl_conv_t *d, ESPDL_NAME(area_t) *area,
                                const ESPDL_NAME(block_t) *b) {
  while (area->outputs != 0) {
    const ESPDL_VALUE *x;
    ESPDL_VALUE *y;
    ESPDL_NAME(next)(area, 1, &x, &y);
    ESPDL_NAME(exact)(d, area, b, x, y);
  }
}

#if ESPDL_VALUE_BITS == 8
/* The result of a sum. */
#define ESPDL_RESULT(pixel)                                        \
  {                                                                \
    const int32_t sum = sums[pixel * ESPDL_CHANNELS] + half;       \
    int32_t result = sum >> shift;                                 \
    if (half_even && (uint32_t)sum << (32 - shift) == 0) {         \
      result &= ~1; /* a tie, which the addition has rounded up */ \
    }                                                              \
    if ((uint32_t)result - (uint32_t)lowest > range) {             \
      result = result < lowest ? lowest : INT8_MAX;                \
    }                                                              \
    *y##pixel++ = (int8_t)result;                                  \
  }

/* The results of one output or of ESPDL_PIXELS from their sums, in 32 bits. */
static void finish_in_32_bits(const espdl_conv_t *d, const block_t_s8 *b, const int32_t *sums,
                              int32_t outputs, int8_t *const *y) {
  const int32_t lowest = d->relu ? 0 : INT8_MIN;
  const uint32_t range = (uint32_t)(INT8_MAX - lowest);
  const int32_t half_even = d->half_even;
  const int32_t *const end = sums + b->count;
  const int32_t *shifts = b->shifts;
  const int32_t *halves = b->halves;
  int8_t *y0 = y[0];
  if (outputs == 1) {
    do {
      const int32_t shift = *shifts++;
      const int32_t half = *halves++;
      ESPDL_RESULT(0)
    } while (++sums != end);
    return;
  }
  int8_t *y1 = y[1];
#if ESPDL_PIXELS > 2
  int8_t *y2 = y[2];
#endif
  do {
    const int32_t shift = *shifts++;
    const int32_t half = *halves++;
    ESPDL_RESULT(0)
    ESPDL_RESULT(1)
#if ESPDL_PIXELS > 2
    ESPDL_RESULT(2)
#endif
  } while (++sums != end);
}
#undef ESPDL_RESULT
#endif

void ESPDL_NAME(espdl_take)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area,
                            const ESPDL_NAME(block_t) *b, uint32_t seen, ESPDL_SUM *sums,
                            int32_t outputs, const ESPDL_VALUE *const *x, ESPDL_VALUE *const *y) {
  if (b->offset != 0 && seen >> (b->kept.bits - 1 - ESPDL_UPPER_BEGINS) != 0) {
    for (int32_t i = 0; i < outputs; ++i) {
      ESPDL_NAME(exact)(d, area, b, x[i], y[i]);
    }
    return;
  }
#if ESPDL_VALUE_BITS == 8
  finish_in_32_bits(d, b, sums, outputs, y);
#else
  for (int32_t i = 0; i < ESPDL_CHANNELS; ++i) {
    sums[i] -= b->offset;
  }
  ESPDL_NAME(finish)(d, b, sums, y[0]);
#endif
}

void ESPDL_NAME(espdl_prepare)(const espdl_conv_t *d, int32_t in_vectors, int32_t products,
                               ESPDL_NAME(block_t) *b) {
  const ESPDL_VALUE *shifts = d->channel_shifts;
  const int32_t product_bits = 2 * ESPDL_VALUE_BITS - 2;
  /* What is left for a bias, so that sums stay in range, and in the chip's register. */
  const bool too_many = products > (int32_t)(ESPDL_LARGEST >> product_bits);
  const ESPDL_SUM room = too_many ? 0 : ESPDL_LARGEST - ((ESPDL_SUM)products << product_bits);
  const int64_t highest = espdl_highest(b->kept.bits);
  const int64_t room_kept = highest - ((int64_t)products << product_bits);
  ESPDL_SUM largest = 0;
  bool exact = too_many;
  for (int32_t i = 0; i < b->count; ++i) {
    const ESPDL_SUM bias = ESPDL_NAME(bias_of)(d, b->first + i, in_vectors);
    const ESPDL_SUM magnitude = bias < 0 ? -1 - bias : bias;
    largest = magnitude > largest ? magnitude : largest;
    b->bias[i] = bias;
    b->shifts[i] = shifts == NULL ? d->shift : shifts[b->first + i];
    if (ESPDL_VALUE_BITS == 8 && (b->shifts[i] < 1 || b->shifts[i] > 24)) {
      exact = true;
    }
  }
  if (largest >= room) {
    exact = true;
  }
  b->offset = 0;
  if (!d->ordered || b->kept.per_clamp == 0 || largest < room_kept) {
    b->kept.per_clamp = 0;
    b->look = INT32_MAX;
  } else if (b->look == 0 || b->kept.bits > ESPDL_WIDEST ||
             (int64_t)b->look << product_bits > highest / 2 + 1) {
    exact = true;
  } else {
    /* No sum that is in half of its range whenever it is looked at has left it in between. */
    b->offset = (ESPDL_SUM)(highest / 2 + 1);
  }
  if (exact) {
    b->one = ESPDL_NAME(espdl_in_order);
    b->several = NULL;
  }
  for (int32_t i = 0; i < ESPDL_CHANNELS; ++i) {
    b->start[i] = 0;
    if (i >= b->count) {
      continue;
    }
    if (b->kept.per_clamp != 0) {
      b->bias[i] = (ESPDL_SUM)espdl_clamp(b->bias[i], -1 - highest, highest);
    }
    if (!exact) {
      b->start[i] = b->bias[i] + b->offset;
#if ESPDL_VALUE_BITS == 8
      b->halves[i] = (1 << (b->shifts[i] - 1)) - b->offset;
#endif
    }
  }
}

void ESPDL_NAME(espdl_areas)(const espdl_conv_t *d, const ESPDL_NAME(block_t) *b,
                             const espdl_columns_t *columns, const ESPDL_VALUE *x, ESPDL_VALUE *y) {
  const int32_t x_row = d->input_width * d->input_channels;
  const int32_t y_row = d->output_width * d->output_pitch;
  espdl_span_t rows;
  for (int32_t row = 0; row < d->output_height; row += rows.count) {
    rows = espdl_span_from(row, d->output_height, d->stride_y, d->pad_top, d->dilation_y,
                           d->kernel_height, d->input_height);
    const int32_t top = rows.taps.origin + rows.taps.first * d->dilation_y;
    for (int32_t i = 0; i < columns->count; ++i) {
      const espdl_span_t *span = &columns->spans[i];
      const int32_t left = span->taps.origin + span->taps.first * d->dilation_x;
      const int32_t tap = rows.taps.first * d->kernel_width + span->taps.first;
      ESPDL_NAME(area_t) area;
      area.walk = espdl_walk_of(d, &rows.taps, &span->taps, b->depth);
      area.x = x + top * x_row + left * d->input_channels + b->value;
      area.weights = b->weights + tap * b->depth * b->stride;
      area.y = y + row * y_row + span->first * d->output_pitch + b->first;
      area.outputs = rows.count * span->count;
      area.width = span->count;
      area.in_row = span->count;
      area.from = 0;
      area.to = 0;
      area.x_step = d->stride_x * d->input_channels;
      area.x_gap = d->stride_y * x_row - (span->count - 1) * area.x_step;
      area.y_step = d->output_pitch;
      area.y_gap = y_row - (span->count - 1) * area.y_step;
      if (area.walk.length == 0) {
        area.x = x; /* these windows are all padding: there is nothing to read */
        ESPDL_NAME(espdl_in_order)(d, &area, b);
        continue;
      }
      if (b->several != NULL && area.outputs >= ESPDL_PIXELS) {
        b->several(d, &area, b);
      }
      if (area.outputs != 0) {
        b->one(d, &area, b);
      }
    }
  }
}

#undef ESPDL_UNSIGNED
#undef ESPDL_LARGEST
#undef ESPDL_WIDEST
#undef ESPDL_UPPER_BEGINS
#include "espdl_block_end.h"
