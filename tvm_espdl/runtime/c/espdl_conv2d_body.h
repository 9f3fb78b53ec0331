/*
 * The body of espdl_conv2d.c for one data type; espdl_each_type.h says what is set.
 *
 * Outputs whose windows have the same taps inside the image form an area. In an area, a block of
 * channels is computed for all outputs before the next block: its weights stay in the cache.
 */
#if ESPDL_VALUE_BITS == 8
/* Sums stay below it, with room for what is added before they are shifted. */
#define ESPDL_LARGEST 0x7f000000

#define ESPDL_BEGIN(pixel, channel) int32_t s##pixel##channel = b->start[channel];
#define ESPDL_ADD(pixel, channel, product) s##pixel##channel += product;
#define ESPDL_UPPER(pixel, channel) s##pixel##channel
#define ESPDL_END(pixel, channel) sums[pixel * ESPDL_CHANNELS + channel] = s##pixel##channel;
#else
/*
 * A sum is kept modulo 2^32, and beside it the sum of the upper halves of all that is added, so
 * that no carry leads from one to the other. The upper one falls behind by less than one for each;
 * for up to 2^16 products, which are less than this, the lower one tells by how much.
 */
#define ESPDL_LARGEST ((int64_t)1 << 46)

#define ESPDL_BEGIN(pixel, channel)                                   \
  uint32_t s##pixel##channel = (uint32_t)(uint64_t)b->start[channel]; \
  int32_t h##pixel##channel = (int32_t)(b->start[channel] >> 16);
#define ESPDL_ADD(pixel, channel, product) \
  {                                        \
    const int32_t p = product;             \
    s##pixel##channel += (uint32_t)p;      \
    h##pixel##channel += p >> 16;          \
  }
#define ESPDL_UPPER(pixel, channel) h##pixel##channel
#define ESPDL_END(pixel, channel)          \
  sums[pixel * ESPDL_CHANNELS + channel] = \
      (int64_t)h##pixel##channel * 65536 + \
      (uint32_t)(s##pixel##channel - ((uint32_t)h##pixel##channel << 16));
#endif
/* Where the sums' upper bits, which a tile looks at, begin; and the widest register for it. */
#define ESPDL_UPPER_BEGINS (ESPDL_VALUE_BITS == 8 ? 0 : 16)
#define ESPDL_WIDEST (ESPDL_VALUE_BITS == 8 ? 24 : 46)
/* Products between two looks at the sums. */
#define ESPDL_LOOK_AFTER 16

/* Up to ESPDL_CHANNELS channels that are computed together. */
typedef struct {
  int32_t first;                          /* the first one */
  int32_t count;                          /* how many */
  const ESPDL_VALUE *weights;             /* of the first channel, for the first tap inside */
  int32_t distances[ESPDL_CHANNELS - 1];  /* between the weights of its channels */
  bool in_lanes;                          /* its weights take turns with those of others */
  bool exact;                             /* only the chip's own order gives its result */
  int32_t look;                           /* products between two looks at the sums */
  espdl_register_t kept;                  /* the chip's register, clamped only where it matters */
  ESPDL_SUM offset;                       /* what `start` has beside the bias */
  ESPDL_SUM start[ESPDL_CHANNELS];        /* what sums begin with */
  int32_t shifts[ESPDL_CHANNELS];         /* from sums to results */
  int64_t bias[ESPDL_CHANNELS];           /* what exact sums begin with */
} ESPDL_NAME(block_t);

/* Outputs whose windows have the same taps inside the image; steps and gaps count elements. */
typedef struct {
  espdl_taps_t rows;     /* the taps inside */
  espdl_taps_t columns;  /* the taps inside */
  const ESPDL_VALUE *x;  /* first value of the first window */
  ESPDL_VALUE *y;        /* first channel of the first output */
  int32_t outputs;       /* how many */
  int32_t width;         /* how many of them are in a row */
  int32_t x_step;        /* from one window to the next of the row */
  int32_t x_gap;         /* from the last window of a row to the first one of the next */
  int32_t y_step;        /* the same for outputs */
  int32_t y_gap;
} ESPDL_NAME(area_t);

#define ESPDL_TILE_NAME ESPDL_NAME(one_in_lanes)
#define ESPDL_TILE 1
#define ESPDL_INTERLEAVED 1
#include "espdl_conv2d_tile.h"
#define ESPDL_TILE_NAME ESPDL_NAME(one)
#define ESPDL_TILE 1
#define ESPDL_INTERLEAVED 0
#include "espdl_conv2d_tile.h"
#if ESPDL_VALUE_BITS == 8
#define ESPDL_TILE_NAME ESPDL_NAME(several_in_lanes)
#define ESPDL_TILE ESPDL_PIXELS
#define ESPDL_INTERLEAVED 1
#include "espdl_conv2d_tile.h"
#define ESPDL_TILE_NAME ESPDL_NAME(several)
#define ESPDL_TILE ESPDL_PIXELS
#define ESPDL_INTERLEAVED 0
#include "espdl_conv2d_tile.h"
#endif

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

/* The results of an output from its sums in the chip's order. */
ESPDL_ON_ITS_OWN static void ESPDL_NAME(exact)(const espdl_conv_t *d,
                                               const ESPDL_NAME(area_t) *area,
                                               const ESPDL_NAME(block_t) *b,
                                               const ESPDL_VALUE *x, ESPDL_VALUE *y) {
  const espdl_walk_t walk = espdl_walk_of(d, area->rows, area->columns, false);
  const int32_t stride = b->in_lanes ? ESPDL_LANES : 1;
  const int32_t distance = b->in_lanes ? 1 : b->distances[0];
  int64_t sums[ESPDL_CHANNELS];
  for (int32_t i = 0; i < b->count; ++i) {
    const ESPDL_VALUE *weights = b->weights + i * distance;
    sums[i] = ESPDL_NAME(in_order)(&walk, b->kept, x, weights, stride, b->bias[i]);
  }
  ESPDL_NAME(finish)(d, b, sums, y);
}

/* How the sums of a block begin and are formed, for windows of some products. */
static void ESPDL_NAME(prepare)(const espdl_conv_t *d, int32_t in_vectors, int32_t products,
                                ESPDL_NAME(block_t) *b) {
  const ESPDL_VALUE *shifts = d->channel_shifts;
  const int64_t added = (int64_t)products << (2 * ESPDL_VALUE_BITS - 2);
  const int64_t highest = espdl_highest(b->kept.bits);
  int64_t largest = 0;
  for (int32_t i = 0; i < b->count; ++i) {
    const int64_t bias = espdl_bias_of(d, b->first + i, in_vectors, ESPDL_VALUE_BITS / 2);
    b->bias[i] = bias;
    b->shifts[i] = shifts == NULL ? d->shift : shifts[b->first + i];
    largest = bias > largest ? bias : -bias > largest ? -bias : largest;
    if (ESPDL_VALUE_BITS == 8 && (b->shifts[i] < 1 || b->shifts[i] > 24)) {
      b->exact = true;
    }
  }
  if (largest > ESPDL_LARGEST - added) {
    b->exact = true;
  }
  b->look = INT32_MAX;
  if (!d->ordered || b->kept.per_clamp == 0 || largest <= highest - added) {
    b->kept.per_clamp = 0;
  } else if (!b->in_lanes || b->kept.bits > ESPDL_WIDEST || largest > highest / 2) {
    b->exact = true;
  } else {
    /* From half of its range, a sum cannot leave the register before it is looked at again. */
    b->look = ESPDL_LOOK_AFTER;
    b->offset = (ESPDL_SUM)(highest / 2 + 1);
  }
  for (int32_t i = 0; i < b->count; ++i) {
    b->start[i] = (ESPDL_SUM)b->bias[i] + b->offset;
    if (b->kept.per_clamp != 0) {
      b->bias[i] = espdl_clamp(b->bias[i], -1 - highest, highest);
    }
  }
}

/* The block that begins with the channel `first`, for windows of some products. */
static void ESPDL_NAME(block)(const espdl_conv_t *d, int32_t first, const ESPDL_NAME(area_t) *area,
                              int32_t products, ESPDL_NAME(block_t) *b) {
  const int32_t channels = d->output_channels;
  const int32_t in_vectors = d->lanes == 0 ? 0 : channels / ESPDL_LANES * ESPDL_LANES;
  const int32_t size = d->kernel_height * d->kernel_width * d->input_channels;
  const int32_t left = channels - first;
  const int32_t tap = area->rows.first * d->kernel_width + area->columns.first;
  const ESPDL_VALUE *filter = d->filter;
  memset(b, 0, sizeof *b);
  b->first = first;
  b->count = left < ESPDL_CHANNELS ? left : ESPDL_CHANNELS;
  for (int32_t i = 1; i < b->count; ++i) {
    b->distances[i - 1] = size; /* channels that are not there repeat the last one */
  }
  b->in_lanes = first < in_vectors;
  if (b->in_lanes) {
    const int32_t lane = first % ESPDL_LANES;
    b->weights = filter + (first - lane) * size + tap * d->input_channels * ESPDL_LANES + lane;
    b->kept.bits = d->lane_bits;
    b->kept.per_clamp = d->lane_products_per_clamp;
  } else {
    b->weights = filter + first * size + tap * d->input_channels;
    b->kept.bits = d->rest_bits;
    b->kept.per_clamp = d->rest_products_per_clamp;
  }
  ESPDL_NAME(prepare)(d, in_vectors, products, b);
}

#if ESPDL_VALUE_BITS == 8
/* A result from a sum that is at `from`, for the output at `to`. */
#define ESPDL_RESULT(from, to)                                \
  {                                                           \
    const int32_t sum = from + added;                         \
    int32_t result = sum >> shift;                            \
    if (half_even && (uint32_t)sum << (32 - shift) == 0) {    \
      result &= ~1; /* a tie */                               \
    }                                                         \
    result = result < lowest ? lowest : result;               \
    to = (int8_t)(result > INT8_MAX ? INT8_MAX : result);     \
  }

/* The results of some outputs from their sums. */
ESPDL_ON_ITS_OWN static void finish_all_s8(const espdl_conv_t *d, const block_t_s8 *b,
                                           const int32_t *sums, int32_t outputs,
                                           int8_t *const *y) {
  const int32_t lowest = d->relu ? 0 : INT8_MIN;
  const int32_t half_even = d->half_even;
  const int32_t *const end = sums + b->count;
  const int32_t *shifts = b->shifts;
  const int32_t offset = b->offset;
  int8_t *y0 = y[0];
  if (outputs == 1) {
    do {
      const int32_t shift = *shifts++;
      const int32_t added = ((int32_t)1 << (shift - 1)) - offset;
      ESPDL_RESULT(sums[0], y0[0])
      ++y0;
    } while (++sums != end);
    return;
  }
  int8_t *y1 = y[1];
  int8_t *y2 = y[2];
  do {
    const int32_t shift = *shifts++;
    const int32_t added = ((int32_t)1 << (shift - 1)) - offset;
    ESPDL_RESULT(sums[0], *y0++)
    ESPDL_RESULT(sums[ESPDL_CHANNELS], *y1++)
    ESPDL_RESULT(sums[2 * ESPDL_CHANNELS], *y2++)
  } while (++sums != end);
}
#endif

/* All outputs of an area, for one block of channels. */
static void ESPDL_NAME(outputs)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area,
                                const ESPDL_NAME(block_t) *b, const espdl_walk_t *walk) {
  int32_t from = 0;
  int32_t to = b->first;
  int32_t in_row = area->width;
  for (int32_t left = area->outputs; left != 0;) {
    const ESPDL_VALUE *x[ESPDL_PIXELS];
    ESPDL_VALUE *y[ESPDL_PIXELS];
    ESPDL_SUM sums[ESPDL_PIXELS * ESPDL_CHANNELS];
    const int32_t count = ESPDL_VALUE_BITS == 8 && left >= ESPDL_PIXELS ? ESPDL_PIXELS : 1;
    for (int32_t i = 0; i < count; ++i) {
      x[i] = area->x + from;
      y[i] = area->y + to;
      if (--in_row != 0) {
        from += area->x_step;
        to += area->y_step;
      } else {
        from += area->x_gap;
        to += area->y_gap;
        in_row = area->width;
      }
    }
    left -= count;
    bool exact = b->exact;
    if (!exact) {
      int32_t seen;
#if ESPDL_VALUE_BITS == 8
      if (count != 1) {
        seen = b->in_lanes ? several_in_lanes_s8(walk, x, b, sums) : several_s8(walk, x, b, sums);
      } else
#endif
      seen = b->in_lanes ? ESPDL_NAME(one_in_lanes)(walk, x, b, sums)
                         : ESPDL_NAME(one)(walk, x, b, sums);
      exact = b->offset != 0 && (uint32_t)seen >> (b->kept.bits - 1 - ESPDL_UPPER_BEGINS) != 0;
    }
    if (exact) {
      for (int32_t i = 0; i < count; ++i) {
        ESPDL_NAME(exact)(d, area, b, x[i], y[i]);
      }
      continue;
    }
#if ESPDL_VALUE_BITS == 8
    finish_all_s8(d, b, sums, count, y);
#else
    for (int32_t i = 0; i < ESPDL_CHANNELS; ++i) {
      sums[i] -= b->offset;
    }
    ESPDL_NAME(finish)(d, b, sums, y[0]);
#endif
  }
}

/* An area for all channels. */
static void ESPDL_NAME(area)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area) {
  const espdl_walk_t walk = espdl_walk_of(d, area->rows, area->columns, true);
  const int32_t products = walk.rows * walk.runs * walk.length;
  for (int32_t first = 0; first < d->output_channels; first += ESPDL_CHANNELS) {
    ESPDL_NAME(block_t) b;
    ESPDL_NAME(block)(d, first, area, products, &b);
    ESPDL_NAME(outputs)(d, area, &b, &walk);
  }
}

void ESPDL_NAME(espdl_conv2d)(const espdl_conv_t *d, const ESPDL_VALUE *x, ESPDL_VALUE *y) {
  espdl_span_t rows, columns;
  for (int32_t row = 0; row < d->output_height; row += rows.count) {
    rows = espdl_span_from(row, d->output_height, d->stride_y, d->pad_top, d->dilation_y,
                           d->kernel_height, d->input_height);
    for (int32_t column = 0; column < d->output_width; column += columns.count) {
      columns = espdl_span_from(column, d->output_width, d->stride_x, d->pad_left, d->dilation_x,
                                d->kernel_width, d->input_width);
      const int32_t top = rows.taps.origin + rows.taps.first * d->dilation_y;
      const int32_t left = columns.taps.origin + columns.taps.first * d->dilation_x;
      const int32_t x_step = d->stride_x * d->input_channels;
      const int32_t y_step = d->output_channels;
      const ESPDL_NAME(area_t) area = {
          .rows = rows.taps,
          .columns = columns.taps,
          .x = x + (top * d->input_width + left) * d->input_channels,
          .y = y + (row * d->output_width + column) * y_step,
          .outputs = rows.count * columns.count,
          .width = columns.count,
          .x_step = x_step,
          .x_gap = d->stride_y * d->input_width * d->input_channels - (columns.count - 1) * x_step,
          .y_step = y_step,
          .y_gap = (d->output_width - columns.count + 1) * y_step,
      };
      ESPDL_NAME(area)(d, &area);
    }
  }
}

#undef ESPDL_LARGEST
#undef ESPDL_BEGIN
#undef ESPDL_ADD
#undef ESPDL_UPPER
#undef ESPDL_END
#undef ESPDL_UPPER_BEGINS
#undef ESPDL_WIDEST
#undef ESPDL_LOOK_AFTER
