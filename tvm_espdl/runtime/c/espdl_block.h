/*
 * Blocks of channels and areas of outputs, for one data type; espdl_each_type.h says what is set.
 * conv2d, depthwise_conv2d and matmul compute with them.
 *
 * A block of channels is computed for all outputs before the next block: its weights stay in a
 * cache. Outputs whose windows have the same taps inside the image form an area. Tiles, functions
 * of the kernels, take one output of an area after the other, or several at once, and add their
 * products up in any order, with these macros. Where the order matters, because a sum may leave the
 * chip's register, a tile looks at its sums now and then; where one has come so far that it could
 * have left, these outputs are computed again in the chip's order.
 *
 * Like each body it has no include guard. espdl_block_end.h takes its macros back.
 */
#if ESPDL_VALUE_BITS == 8
#define ESPDL_BEGIN(pixel, channel) int32_t s##pixel##channel = b->start[first + channel];
#define ESPDL_ADD(pixel, channel, product) s##pixel##channel += product;
#define ESPDL_UPPER(pixel, channel) s##pixel##channel
#define ESPDL_END(pixel, channel) \
  sums[pixel * ESPDL_CHANNELS + first + channel] = s##pixel##channel;
#else
/*
 * A sum is kept modulo 2^32, and beside it the sum of the upper halves of all that is added, so
 * that no carry leads from one to the other. The upper one falls behind by less than one for each;
 * for up to 2^16 of them the lower one tells by how much.
 */
#define ESPDL_BEGIN(pixel, channel)                                           \
  uint32_t s##pixel##channel = (uint32_t)(uint64_t)b->start[first + channel]; \
  int32_t h##pixel##channel = (int32_t)(b->start[first + channel] >> 16);
#define ESPDL_ADD(pixel, channel, product) \
  {                                        \
    const int32_t p = product;             \
    s##pixel##channel += (uint32_t)p;      \
    h##pixel##channel += p >> 16;          \
  }
#define ESPDL_UPPER(pixel, channel) h##pixel##channel
#define ESPDL_END(pixel, channel)                  \
  sums[pixel * ESPDL_CHANNELS + first + channel] = \
      (int64_t)h##pixel##channel * 65536 +         \
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
  int32_t halves[ESPDL_CHANNELS];         /* what rounds a sum of 8-bit data, less the offset */
};

/*
 * How the sums of a block begin and are formed, for windows of up to some products: sets what comes
 * behind `look` in it, and may change the tiles. `in_vectors` channels have a packed bias, where
 * there is such.
 */
void ESPDL_NAME(espdl_prepare)(const espdl_conv_t *d, int32_t in_vectors, int32_t products,
                               ESPDL_NAME(block_t) *b);

/* A block for some columns of outputs, area by area. */
void ESPDL_NAME(espdl_areas)(const espdl_conv_t *d, const ESPDL_NAME(block_t) *b,
                             const espdl_columns_t *columns, const ESPDL_VALUE *x, ESPDL_VALUE *y);

/* The tile of blocks for which only the chip's order gives its results. */
ESPDL_NAME(tile_t) ESPDL_NAME(espdl_in_order);

/*
 * What a tile does with the sums of `outputs` outputs, 1 or ESPDL_PIXELS. `seen` are the bits that
 * were set in the upper bits of any sum whenever they were looked at.
 */
void ESPDL_NAME(espdl_take)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area,
                            const ESPDL_NAME(block_t) *b, uint32_t seen, ESPDL_SUM *sums,
                            int32_t outputs, const ESPDL_VALUE *const *x, ESPDL_VALUE *const *y);

/* Goes on by `count` outputs: where their windows and results begin. */
static inline void ESPDL_NAME(next)(ESPDL_NAME(area_t) *area, int32_t count,
                                    const ESPDL_VALUE **x, ESPDL_VALUE **y) {
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
