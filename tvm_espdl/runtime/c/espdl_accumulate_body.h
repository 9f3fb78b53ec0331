/*
 * What conv2d and depthwise_conv2d share, for one data type; espdl_each_type.h says what is set.
 *
 * Outputs whose windows have the same taps inside the image form an area. In an area, a block of
 * channels is computed for all outputs before the next block: its weights stay in the cache. The
 * sums of a block for one output, or for several, are the business of tiles: functions of the
 * kernels that add the products up with the macros ESPDL_BEGIN, ESPDL_ADD and ESPDL_END, in any
 * order. Where the order matters, because a sum may leave the chip's register, a tile looks at its
 * sums now and then; if one has come so far that it could have left, that output is computed again
 * in the chip's order.
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

typedef struct ESPDL_NAME(block) ESPDL_NAME(block_t);

/*
 * Sums of one output or of ESPDL_PIXELS ones, with their first values at `x`, for the channels of a
 * block; gives all bits that were set in the upper bits of any sum when they were looked at.
 */
typedef int32_t ESPDL_NAME(tile_t)(const espdl_walk_t *walk, const ESPDL_VALUE *const *x,
                                   const ESPDL_NAME(block_t) *b, ESPDL_SUM *sums);

/* Up to ESPDL_CHANNELS channels that are computed together. */
struct ESPDL_NAME(block) {
  int32_t first;                          /* the first one */
  int32_t count;                          /* how many */
  ESPDL_NAME(tile_t) *one;                /* sums of one output */
  ESPDL_NAME(tile_t) *several;            /* sums of ESPDL_PIXELS outputs, or NULL */
  int32_t value;                          /* of the first channel, behind that of the window */
  const ESPDL_VALUE *weights;             /* of the first channel, for the first tap inside */
  int32_t stride;                         /* between neighbouring weights of a channel */
  int32_t distances[ESPDL_CHANNELS - 1];  /* from the weights of a channel to the next one's */
  int32_t value_distance;                 /* from the values of a channel to the next one's */
  bool exact;                             /* only the chip's own order gives its results */
  int32_t look;                           /* products between two looks at the sums */
  espdl_register_t kept;                  /* the chip's register, clamped only where it matters */
  ESPDL_SUM offset;                       /* what `start` has beside the bias */
  ESPDL_SUM start[ESPDL_CHANNELS];        /* what sums begin with */
  int32_t shifts[ESPDL_CHANNELS];         /* from sums to results */
  int64_t bias[ESPDL_CHANNELS];           /* what exact sums begin with */
};

/* Outputs whose windows have the same taps inside the image; steps and gaps count elements. */
typedef struct {
  espdl_walk_t walk;     /* over the products of a window */
  espdl_walk_t apart;    /* the same with a run for each tap */
  int32_t tap;           /* the first one inside */
  const ESPDL_VALUE *x;  /* first value of the first window */
  ESPDL_VALUE *y;        /* first channel of the first output */
  int32_t outputs;       /* how many */
  int32_t width;         /* how many of them are in a row */
  int32_t x_step;        /* from one window to the next of the row */
  int32_t x_gap;         /* from the last window of a row to the first one of the next */
  int32_t y_step;        /* the same for outputs */
  int32_t y_gap;
} ESPDL_NAME(area_t);

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
static void ESPDL_NAME(exact)(const espdl_conv_t *d, const espdl_walk_t *apart,
                              const ESPDL_NAME(block_t) *b, const ESPDL_VALUE *x,
                              ESPDL_VALUE *y) {
  int64_t sums[ESPDL_CHANNELS];
  for (int32_t i = 0; i < b->count; ++i) {
    const ESPDL_VALUE *weights = b->weights + i * b->distances[0];
    sums[i] = ESPDL_NAME(in_order)(apart, b->kept, x, weights, b->stride, b->bias[i]);
    x += b->value_distance;
  }
  ESPDL_NAME(finish)(d, b, sums, y);
}

#if ESPDL_VALUE_BITS == 8
/* A result from its sum. */
#define ESPDL_RESULT(from, to)                                             \
  {                                                                        \
    const int32_t sum = from + added;                                      \
    int32_t result = sum >> shift;                                         \
    if (half_even && (uint32_t)sum << (32 - shift) == 0) {                 \
      result &= ~1; /* it was a tie, which the addition has rounded up */  \
    }                                                                      \
    result = result < lowest ? lowest : result;                            \
    to = (int8_t)(result > INT8_MAX ? INT8_MAX : result);                  \
  }

/* The results of some outputs from their sums, in 32 bits. */
static void finish_in_32_bits(const espdl_conv_t *d, const block_t_s8 *b, const int32_t *sums,
                              int32_t outputs, int8_t *const *y) {
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
      ESPDL_RESULT(sums[0], *y0++)
    } while (++sums != end);
    return;
  }
  int8_t *y1 = y[1];
#if ESPDL_PIXELS > 2
  int8_t *y2 = y[2];
#endif
  do {
    const int32_t shift = *shifts++;
    const int32_t added = ((int32_t)1 << (shift - 1)) - offset;
    ESPDL_RESULT(sums[0], *y0++)
    ESPDL_RESULT(sums[ESPDL_CHANNELS], *y1++)
#if ESPDL_PIXELS > 2
    ESPDL_RESULT(sums[2 * ESPDL_CHANNELS], *y2++)
#endif
  } while (++sums != end);
}
#undef ESPDL_RESULT
#endif

/*
 * How the sums of a block begin and are formed, for windows of some products. What `b` has besides
 * is set already. `in_vectors` channels have a packed bias, where there is such.
 */
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
  if (!d->ordered || b->kept.per_clamp == 0 || largest <= highest - added) {
    b->kept.per_clamp = 0;
    b->look = INT32_MAX;
  } else if (b->look == 0 || b->kept.bits > ESPDL_WIDEST || largest > highest / 2 ||
             (int64_t)b->look << (2 * ESPDL_VALUE_BITS - 2) > highest / 2 + 1) {
    b->exact = true;
  } else {
    /* A sum in half of its range cannot leave the register before it is looked at again. */
    b->offset = (ESPDL_SUM)(highest / 2 + 1);
  }
  for (int32_t i = 0; i < b->count; ++i) {
    b->start[i] = (ESPDL_SUM)b->bias[i] + b->offset;
    if (b->kept.per_clamp != 0) {
      b->bias[i] = espdl_clamp(b->bias[i], -1 - highest, highest);
    }
  }
}

/* All outputs of an area, for one block of channels. */
static void ESPDL_NAME(outputs)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area,
                                const ESPDL_NAME(block_t) *b) {
  int32_t from = b->value;
  int32_t to = b->first;
  int32_t in_row = area->width;
  for (int32_t left = area->outputs; left != 0;) {
    const ESPDL_VALUE *x[ESPDL_PIXELS];
    ESPDL_VALUE *y[ESPDL_PIXELS];
    ESPDL_SUM sums[ESPDL_PIXELS * ESPDL_CHANNELS];
    const int32_t count = left >= ESPDL_PIXELS && b->several != NULL ? ESPDL_PIXELS : 1;
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
      const int32_t seen = (count == 1 ? b->one : b->several)(&area->walk, x, b, sums);
      exact = b->offset != 0 && (uint32_t)seen >> (b->kept.bits - 1 - ESPDL_UPPER_BEGINS) != 0;
    }
    if (exact) {
      for (int32_t i = 0; i < count; ++i) {
        ESPDL_NAME(exact)(d, &area->apart, b, x[i], y[i]);
      }
      continue;
    }
#if ESPDL_VALUE_BITS == 8
    finish_in_32_bits(d, b, sums, count, y);
#else
    for (int32_t i = 0; i < ESPDL_CHANNELS; ++i) {
      sums[i] -= b->offset;
    }
    ESPDL_NAME(finish)(d, b, sums, y[0]);
#endif
  }
}

/* Calls `compute` for every area; of each tap, `depth` channels are summed. */
static void ESPDL_NAME(areas)(const espdl_conv_t *d, const ESPDL_VALUE *x, ESPDL_VALUE *y,
                              int32_t depth,
                              void (*compute)(const espdl_conv_t *d,
                                              const ESPDL_NAME(area_t) *area)) {
  const int32_t x_step = d->stride_x * d->input_channels;
  const int32_t y_step = d->output_channels;
  espdl_span_t rows, columns;
  for (int32_t row = 0; row < d->output_height; row += rows.count) {
    rows = espdl_span_from(row, d->output_height, d->stride_y, d->pad_top, d->dilation_y,
                           d->kernel_height, d->input_height);
    for (int32_t column = 0; column < d->output_width; column += columns.count) {
      columns = espdl_span_from(column, d->output_width, d->stride_x, d->pad_left, d->dilation_x,
                                d->kernel_width, d->input_width);
      const int32_t top = rows.taps.origin + rows.taps.first * d->dilation_y;
      const int32_t left = columns.taps.origin + columns.taps.first * d->dilation_x;
      const ESPDL_NAME(area_t) area = {
          .walk = espdl_walk_of(d, rows.taps, columns.taps, depth, true),
          .apart = espdl_walk_of(d, rows.taps, columns.taps, depth, false),
          .tap = rows.taps.first * d->kernel_width + columns.taps.first,
          .x = x + (top * d->input_width + left) * d->input_channels,
          .y = y + (row * d->output_width + column) * y_step,
          .outputs = rows.count * columns.count,
          .width = columns.count,
          .x_step = x_step,
          .x_gap = d->stride_y * d->input_width * d->input_channels - (columns.count - 1) * x_step,
          .y_step = y_step,
          .y_gap = (d->output_width - columns.count + 1) * y_step,
      };
      compute(d, &area);
    }
  }
}

#undef ESPDL_LARGEST
#undef ESPDL_UPPER_BEGINS
#undef ESPDL_WIDEST
