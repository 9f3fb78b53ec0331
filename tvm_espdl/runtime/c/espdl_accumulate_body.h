/*
 * What conv2d and depthwise_conv2d share, for one data type; espdl_each_type.h says what is set.
 *
 * A block of channels is computed for all outputs before the next block: its weights stay in a
 * cache. Outputs whose windows have the same taps inside the image form an area. Tiles, functions
 * of the kernels, take one output of an area after the other, or several at once, and add their
 * products up in any order. Where the order matters, because a sum may leave the chip's register, a
 * tile looks at its sums now and then; where one has come so far that it could have left, these
 * outputs are computed again in the chip's order.
 */
#if ESPDL_VALUE_BITS == 8
#define ESPDL_UNSIGNED uint32_t
/* Sums stay below it, with room for what is added before they are shifted. */
#define ESPDL_LARGEST 0x7f000000
/* The widest register whose sums a tile can look at; where the upper bits, which it sees, begin. */
#define ESPDL_WIDEST 24
#define ESPDL_UPPER_BEGINS 0

#define ESPDL_BEGIN(pixel, channel) int32_t s##pixel##channel = b->start[first + channel];
#define ESPDL_ADD(pixel, channel, product) s##pixel##channel += product;
#define ESPDL_UPPER(pixel, channel) s##pixel##channel
#define ESPDL_END(pixel, channel) \
  sums[pixel * ESPDL_CHANNELS + first + channel] = s##pixel##channel;
#else
#define ESPDL_UNSIGNED uint64_t
/*
 * A sum is kept modulo 2^32, and beside it the sum of the upper halves of all that is added, so
 * that no carry leads from one to the other. The upper one falls behind by less than one for each;
 * for up to 2^16 products, which are less than this, the lower one tells by how much.
 */
#define ESPDL_LARGEST ((int64_t)1 << 46)
#define ESPDL_WIDEST 46
#define ESPDL_UPPER_BEGINS 16

#define ESPDL_BEGIN(pixel, channel)                                   \
  uint32_t s##pixel##channel = (uint32_t)(uint64_t)b->start[first + channel]; \
  int32_t h##pixel##channel = (int32_t)(b->start[first + channel] >> 16);
#define ESPDL_ADD(pixel, channel, product) \
  {                                        \
    const int32_t p = product;             \
    s##pixel##channel += (uint32_t)p;      \
    h##pixel##channel += p >> 16;          \
  }
#define ESPDL_UPPER(pixel, channel) h##pixel##channel
#define ESPDL_END(pixel, channel)          \
  sums[pixel * ESPDL_CHANNELS + first + channel] = \
      (int64_t)h##pixel##channel * 65536 + \
      (uint32_t)(s##pixel##channel - ((uint32_t)h##pixel##channel << 16));
#endif

/* What a tile does with the sums of its channels, ESPDL_EACH_CHANNEL, of which `first` is one. */
#define ESPDL_BEGIN_ALL(pixel) ESPDL_EACH_CHANNEL(ESPDL_BEGIN, pixel)
#define ESPDL_END_ALL(pixel) ESPDL_EACH_CHANNEL(ESPDL_END, pixel)
#define ESPDL_SEE(pixel, channel) seen |= (uint32_t)ESPDL_UPPER(pixel, channel);
#define ESPDL_LOOK(pixel) ESPDL_EACH_CHANNEL(ESPDL_SEE, pixel)

typedef struct ESPDL_NAME(block) ESPDL_NAME(block_t);

/* Outputs of a block whose windows have the same taps inside the image. */
typedef struct {
  espdl_walk_t walk;           /* over the products of a window */
  const ESPDL_VALUE *x;        /* first value of the first window */
  const ESPDL_VALUE *weights;  /* of the first channel, for the first tap inside */
  ESPDL_VALUE *y;              /* first channel of the first output */
  int32_t outputs;             /* how many are to be computed */
  int32_t width;               /* how many are in a row */
  int32_t in_row;              /* how many are to be computed in the current row */
  int32_t from;                /* of the next one, in elements from x */
  int32_t to;                  /* of the next one, in elements from y */
  int32_t x_step;              /* from one to the next of the row */
  int32_t x_gap;               /* from the last one of a row to the next row */
  int32_t y_step;              /* the same for results */
  int32_t y_gap;
} ESPDL_NAME(area_t);

/* Computes outputs of an area, as long as there are as many as it takes at once. */
typedef void ESPDL_NAME(tile_t)(const espdl_conv_t *d, ESPDL_NAME(area_t) *area,
                                const ESPDL_NAME(block_t) *b);

/* Up to ESPDL_CHANNELS channels that are computed together. */
struct ESPDL_NAME(block) {
  int32_t first;                          /* the first one */
  int32_t count;                          /* how many */
  int32_t depth;                          /* channels of the input that each sums */
  int32_t value;                          /* the first of these */
  ESPDL_NAME(tile_t) *one;                /* computes an output at a time */
  ESPDL_NAME(tile_t) *several;            /* computes ESPDL_PIXELS, or NULL */
  const ESPDL_VALUE *weights;             /* of the first channel */
  int32_t stride;                         /* between neighbouring weights of a channel */
  int32_t places[ESPDL_CHANNELS];         /* of the channels' weights, the first one's being 0 */
  int32_t value_distance;                 /* from the values of a channel to the next one's */
  espdl_register_t kept;                  /* the chip's register, clamped only where it matters */
  int32_t look;                           /* most products between two looks at the sums */
  ESPDL_SUM offset;                       /* what `start` has beside the bias; 0: no look counts */
  ESPDL_SUM start[ESPDL_CHANNELS];        /* what sums begin with */
  ESPDL_SUM bias[ESPDL_CHANNELS];         /* what sums in the chip's order begin with */
  int32_t shifts[ESPDL_CHANNELS];         /* from sums to results */
  int32_t halves[ESPDL_CHANNELS];         /* what rounds a sum, where 32 bits do, without offset */
};

/*
 * The bias of a channel; 0 without bias. Where the first `in_vectors` channels are packed, the
 * remaining ones follow as 64-bit integers.
 */
static ESPDL_SUM ESPDL_NAME(bias_of)(const espdl_conv_t *d, int32_t channel, int32_t in_vectors) {
  const int32_t bits = d->packed_bias_bits;
  if (d->bias == NULL) {
    return 0;
  }
  if (bits == 0) {
    return ((const ESPDL_SUM *)d->bias)[channel];
  }
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

/* Where the next `count` outputs are read and written. */
static void ESPDL_NAME(next)(ESPDL_NAME(area_t) *area, int32_t count, const ESPDL_VALUE **x,
                             ESPDL_VALUE **y) {
  int32_t in_row = area->in_row;
  int32_t from = area->from;
  int32_t to = area->to;
  area->outputs -= count;
  do {
    *x++ = area->x + from;
    *y++ = area->y + to;
    if (--in_row != 0) {
      from += area->x_step;
      to += area->y_step;
    } else {
      in_row = area->width;
      from += area->x_gap;
      to += area->y_gap;
    }
  } while (--count != 0);
  area->in_row = in_row;
  area->from = from;
  area->to = to;
}

/* The tile of blocks for which only the chip's order gives its results. */
static void ESPDL_NAME(in_exact_order)(const espdl_conv_t *d, ESPDL_NAME(area_t) *area,
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
#define ESPDL_RESULT(pixel)                                                   \
  {                                                                           \
    const int32_t sum = sums[pixel * ESPDL_CHANNELS] + half;                  \
    int32_t result = sum >> shift;                                            \
    if (half_even && (uint32_t)sum << (32 - shift) == 0) {                    \
      result &= ~1; /* a tie, which the addition has rounded up */            \
    }                                                                         \
    if ((uint32_t)result - (uint32_t)lowest > range) {                        \
      result = result < lowest ? lowest : INT8_MAX;                           \
    }                                                                         \
    *y##pixel++ = (int8_t)result;                                             \
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

/*
 * What a tile does with the sums of its outputs. `seen` are the bits that were set in the upper
 * bits of any sum whenever they were looked at.
 */
static void ESPDL_NAME(take)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area,
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

/*
 * How the sums of a block begin and are formed, for windows of up to some products. What it has
 * besides is set already; `in_vectors` channels have a packed bias, where there is such.
 */
static void ESPDL_NAME(prepare)(const espdl_conv_t *d, int32_t in_vectors, int32_t products,
                                ESPDL_NAME(block_t) *b) {
  const ESPDL_VALUE *shifts = d->channel_shifts;
  const int32_t product_bits = 2 * ESPDL_VALUE_BITS - 2;
  /* What is left for a bias, so that sums stay in range, and in the chip's register. */
  const bool too_many = products > (int32_t)(ESPDL_LARGEST >> product_bits);
  const ESPDL_SUM room = too_many ? -1 : ESPDL_LARGEST - ((ESPDL_SUM)products << product_bits);
  const int64_t highest = espdl_highest(b->kept.bits);
  const int64_t room_kept = highest - ((int64_t)products << product_bits);
  ESPDL_SUM largest = 0;
  bool exact = false;
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
  if (!d->ordered || b->kept.per_clamp == 0 || largest < room_kept) {
    b->kept.per_clamp = 0;
    b->look = INT32_MAX;
  } else if (b->look == 0 || b->kept.bits > ESPDL_WIDEST || largest > highest / 2 ||
             (int64_t)b->look << product_bits > highest / 2 + 1) {
    exact = true;
  } else {
    /* A sum in half of its range cannot leave the register before it is looked at again. */
    b->offset = (ESPDL_SUM)(highest / 2 + 1);
  }
  if (exact) {
    b->one = ESPDL_NAME(in_exact_order);
    b->several = NULL;
  }
  for (int32_t i = 0; i < b->count; ++i) {
    b->start[i] = exact ? 0 : b->bias[i] + b->offset;
#if ESPDL_VALUE_BITS == 8
    b->halves[i] = exact ? 0 : (1 << (b->shifts[i] - 1)) - b->offset;
#endif
    if (b->kept.per_clamp != 0) {
      b->bias[i] = (ESPDL_SUM)espdl_clamp(b->bias[i], -1 - highest, highest);
    }
  }
}

/* A block for some columns of outputs, area by area. */
static void ESPDL_NAME(areas)(const espdl_conv_t *d, const ESPDL_NAME(block_t) *b,
                              const espdl_columns_t *columns, const ESPDL_VALUE *x,
                              ESPDL_VALUE *y) {
  const int32_t x_row = d->input_width * d->input_channels;
  const int32_t y_row = d->output_width * d->output_channels;
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
      area.y = y + row * y_row + span->first * d->output_channels + b->first;
      area.outputs = rows.count * span->count;
      area.width = span->count;
      area.in_row = span->count;
      area.from = 0;
      area.to = 0;
      area.x_step = d->stride_x * d->input_channels;
      area.x_gap = d->stride_y * x_row - (span->count - 1) * area.x_step;
      area.y_step = d->output_channels;
      area.y_gap = y_row - (span->count - 1) * area.y_step;
      if (b->several != NULL) {
        b->several(d, &area, b);
      }
      b->one(d, &area, b);
    }
  }
}

#undef ESPDL_UNSIGNED
#undef ESPDL_LARGEST
#undef ESPDL_WIDEST
#undef ESPDL_UPPER_BEGINS
