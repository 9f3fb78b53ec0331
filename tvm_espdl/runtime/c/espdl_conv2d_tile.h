/*
 * A function that sums the products of ESPDL_CHANNELS channels of ESPDL_TILE outputs, whose windows
 * it walks over together, so that every value that is loaded serves several products.
 * espdl_conv2d_body.h includes it once per case, with these set:
 *   ESPDL_TILE_NAME    name of the function
 *   ESPDL_TILE         outputs: 1 or ESPDL_PIXELS
 *   ESPDL_INTERLEAVED  1: the weights of ESPDL_LANES channels take turns; 0: each channel has its
 *                      own, `distance` apart
 *
 * Sums begin with `start`, one per channel. All of them are looked at after at most `look` products
 * of each, and the result has every bit that was ever set in one then (16-bit data: in the upper
 * bits of one).
 */
#if ESPDL_TILE == 1
#define ESPDL_EACH_PIXEL(use) use(0)
#define ESPDL_CHANNEL_PRODUCTS(channel)       \
  {                                           \
    const int32_t v = ESPDL_WEIGHT(channel);  \
    ESPDL_ADD(0, channel, u0 * v)             \
  }                                           \
  ESPDL_FENCE
#elif ESPDL_TILE == 2
#define ESPDL_EACH_PIXEL(use) use(0) use(1)
#define ESPDL_CHANNEL_PRODUCTS(channel)       \
  {                                           \
    const int32_t v = ESPDL_WEIGHT(channel);  \
    ESPDL_ADD(0, channel, u0 * v)             \
    ESPDL_ADD(1, channel, u1 * v)             \
  }                                           \
  ESPDL_FENCE
#else
#define ESPDL_EACH_PIXEL(use) use(0) use(1) use(2)
#define ESPDL_CHANNEL_PRODUCTS(channel)       \
  {                                           \
    const int32_t v = ESPDL_WEIGHT(channel);  \
    ESPDL_ADD(0, channel, u0 * v)             \
    ESPDL_ADD(1, channel, u1 * v)             \
    ESPDL_ADD(2, channel, u2 * v)             \
  }                                           \
  ESPDL_FENCE
#endif
#define ESPDL_EACH_CHANNEL(use, pixel) use(pixel, 0) use(pixel, 1) use(pixel, 2) use(pixel, 3)
#define ESPDL_BEGIN_ALL(pixel) ESPDL_EACH_CHANNEL(ESPDL_BEGIN, pixel)
#define ESPDL_END_ALL(pixel) ESPDL_EACH_CHANNEL(ESPDL_END, pixel)
#define ESPDL_POINT(pixel) const ESPDL_VALUE *x##pixel = x[pixel] + value;
#define ESPDL_LOAD(pixel) const int32_t u##pixel = x##pixel[at];
#define ESPDL_MOVE_1(pixel) x##pixel += 1;
#define ESPDL_MOVE_2(pixel) x##pixel += 2;
#define ESPDL_LOOK(pixel) \
  seen |= ESPDL_UPPER(pixel, 0) | ESPDL_UPPER(pixel, 1) | ESPDL_UPPER(pixel, 2) | \
          ESPDL_UPPER(pixel, 3);
#if ESPDL_INTERLEAVED
#define ESPDL_WEIGHT(channel) w0[at * ESPDL_LANES + channel]
#define ESPDL_POINT_WEIGHTS const ESPDL_VALUE *w0 = weights + weight * ESPDL_LANES;
#define ESPDL_MOVE_WEIGHTS(count) w0 += (count) * ESPDL_LANES;
#else
#define ESPDL_WEIGHT(channel) w##channel[at]
#define ESPDL_POINT_WEIGHTS                        \
  const ESPDL_VALUE *w0 = weights + weight;        \
  const ESPDL_VALUE *w1 = w0 + b->distances[0];    \
  const ESPDL_VALUE *w2 = w1 + b->distances[1];    \
  const ESPDL_VALUE *w3 = w2 + b->distances[2];
#define ESPDL_MOVE_WEIGHTS(count) w0 += count, w1 += count, w2 += count, w3 += count;
#endif

/* The products of one value of each output with a weight of each channel. */
#define ESPDL_PRODUCTS(offset)   \
  {                              \
    enum { at = offset };        \
    ESPDL_EACH_PIXEL(ESPDL_LOAD) \
    ESPDL_CHANNEL_PRODUCTS(0)    \
    ESPDL_CHANNEL_PRODUCTS(1)    \
    ESPDL_CHANNEL_PRODUCTS(2)    \
    ESPDL_CHANNEL_PRODUCTS(3)    \
  }

static int32_t ESPDL_TILE_NAME(const espdl_walk_t *walk, const ESPDL_VALUE *const *x,
                               const ESPDL_NAME(block_t) *b, ESPDL_SUM *sums) {
  const ESPDL_VALUE *const weights = b->weights;
  int32_t rows = walk->rows;
  int32_t runs = walk->runs;
  int32_t left = walk->length;
  int32_t value = 0;
  int32_t weight = 0;
  int32_t seen = 0;
  ESPDL_EACH_PIXEL(ESPDL_BEGIN_ALL)
  for (;;) {
    const int32_t part = left < b->look ? left : b->look;
    ESPDL_EACH_PIXEL(ESPDL_POINT)
    ESPDL_POINT_WEIGHTS
    const ESPDL_VALUE *const last = x0 + part;
    if ((part & 1) != 0) {
      ESPDL_PRODUCTS(0)
      ESPDL_EACH_PIXEL(ESPDL_MOVE_1)
      ESPDL_MOVE_WEIGHTS(1)
    }
    while (x0 != last) {
      ESPDL_PRODUCTS(0)
      ESPDL_PRODUCTS(1)
      ESPDL_EACH_PIXEL(ESPDL_MOVE_2)
      ESPDL_MOVE_WEIGHTS(2)
    }
#if ESPDL_INTERLEAVED
    ESPDL_EACH_PIXEL(ESPDL_LOOK)
#endif
    value += part;
    weight += part;
    left -= part;
    if (left != 0) {
      continue;
    }
    if (--runs == 0) {
      if (--rows == 0) {
        break;
      }
      runs = walk->runs;
      value += walk->x_row_gap;
      weight += walk->w_row_gap;
    } else {
      value += walk->x_run_gap;
    }
    left = walk->length;
  }
  ESPDL_EACH_PIXEL(ESPDL_END_ALL)
  return seen;
}

#undef ESPDL_TILE_NAME
#undef ESPDL_TILE
#undef ESPDL_INTERLEAVED
#undef ESPDL_EACH_PIXEL
#undef ESPDL_CHANNEL_PRODUCTS
#undef ESPDL_EACH_CHANNEL
#undef ESPDL_BEGIN_ALL
#undef ESPDL_END_ALL
#undef ESPDL_POINT
#undef ESPDL_LOAD
#undef ESPDL_MOVE_1
#undef ESPDL_MOVE_2
#undef ESPDL_LOOK
#undef ESPDL_WEIGHT
#undef ESPDL_POINT_WEIGHTS
#undef ESPDL_MOVE_WEIGHTS
#undef ESPDL_PRODUCTS
