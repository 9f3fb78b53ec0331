/*
 * A tile (espdl_block.h) of conv2d and matmul: the windows of its outputs are walked over
 * together, so that a weight serves several outputs, and a value several channels. The kernels'
 * bodies include it once per case, with these set:
 *   ESPDL_TILE_NAME  name of the function
 *   ESPDL_TILE       outputs: 1 or ESPDL_PIXELS
 *   ESPDL_TOGETHER   channels whose sums are formed at a time: ESPDL_CHANNELS or ESPDL_SUMMED
 *   ESPDL_WEIGHTS    ESPDL_APART: a channel's weights lie side by side, behind them the next one's;
 *                    ESPDL_IN_LANES: those of ESPDL_LANES channels take turns;
 *                    ESPDL_IN_ROWS: those of `stride` channels take turns
 *
 * It looks at the sums after `look` products, but where weights lie apart.
 */
#define ESPDL_APART 0
#define ESPDL_IN_LANES 1
#define ESPDL_IN_ROWS 2

#if ESPDL_TILE == 1
#define ESPDL_EACH_PIXEL(use) use(0)
#define ESPDL_PRODUCTS_OF(channel) ESPDL_ADD(0, channel, u0 * v)
#elif ESPDL_TILE == 2
#define ESPDL_EACH_PIXEL(use) use(0) use(1)
#define ESPDL_PRODUCTS_OF(channel) \
  ESPDL_ADD(0, channel, u0 * v)    \
  ESPDL_ADD(1, channel, u1 * v)
#else
#define ESPDL_EACH_PIXEL(use) use(0) use(1) use(2)
#define ESPDL_PRODUCTS_OF(channel) \
  ESPDL_ADD(0, channel, u0 * v)    \
  ESPDL_ADD(1, channel, u1 * v)    \
  ESPDL_ADD(2, channel, u2 * v)
#endif
#if ESPDL_TOGETHER == 2
#define ESPDL_EACH_CHANNEL(use, pixel) use(pixel, 0) use(pixel, 1)
#else
#define ESPDL_EACH_CHANNEL(use, pixel) use(pixel, 0) use(pixel, 1) use(pixel, 2) use(pixel, 3)
#endif
#if ESPDL_WEIGHTS == ESPDL_APART
#define ESPDL_WEIGHT(channel) w##channel[at]
#define ESPDL_POINT_WEIGHT(pixel, channel) \
  const ESPDL_VALUE *w##channel = area->weights + weight + b->places[first + channel];
#define ESPDL_POINT_WEIGHTS ESPDL_EACH_CHANNEL(ESPDL_POINT_WEIGHT, _)
#define ESPDL_MOVE_WEIGHT_1(pixel, channel) w##channel += 1;
#define ESPDL_MOVE_WEIGHT_2(pixel, channel) w##channel += 2;
#define ESPDL_MOVE_WEIGHTS(count) ESPDL_EACH_CHANNEL(ESPDL_MOVE_WEIGHT_##count, _)
#elif ESPDL_WEIGHTS == ESPDL_IN_LANES
#define ESPDL_WEIGHT(channel) w0[at * ESPDL_LANES + channel]
#define ESPDL_POINT_WEIGHTS const ESPDL_VALUE *w0 = area->weights + weight * ESPDL_LANES + first;
#define ESPDL_MOVE_WEIGHTS(count) w0 += (count) * ESPDL_LANES;
#else
#define ESPDL_WEIGHT(channel) w0[channel]
#define ESPDL_POINT_WEIGHTS const ESPDL_VALUE *w0 = area->weights + weight * b->stride + first;
#define ESPDL_MOVE_WEIGHTS(count)
#define ESPDL_NEXT_WEIGHTS w0 += b->stride;
#endif
#ifndef ESPDL_NEXT_WEIGHTS
#define ESPDL_NEXT_WEIGHTS
#endif
#define ESPDL_POINT(pixel) const ESPDL_VALUE *x##pixel = x[pixel] + value;
#define ESPDL_LOAD(pixel) const int32_t u##pixel = x##pixel[at];
#define ESPDL_MOVE_1(pixel) x##pixel += 1;
#define ESPDL_MOVE_2(pixel) x##pixel += 2;

/* The products of one value of each output with a weight of each channel. */
#define ESPDL_CHANNEL(pixel, channel)        \
  {                                          \
    const int32_t v = ESPDL_WEIGHT(channel); \
    ESPDL_PRODUCTS_OF(channel)               \
  }                                          \
  ESPDL_FENCE
#define ESPDL_PRODUCTS(offset)           \
  {                                      \
    enum { at = offset };                \
    ESPDL_EACH_PIXEL(ESPDL_LOAD)         \
    ESPDL_EACH_CHANNEL(ESPDL_CHANNEL, _) \
    ESPDL_NEXT_WEIGHTS                   \
  }

static void ESPDL_TILE_NAME(const espdl_conv_t *d, ESPDL_NAME(area_t) *area,
                            const ESPDL_NAME(block_t) *b) {
  while (area->outputs >= ESPDL_TILE) {
    const ESPDL_VALUE *x[ESPDL_TILE];
    ESPDL_VALUE *y[ESPDL_TILE];
    ESPDL_SUM sums[ESPDL_TILE * ESPDL_CHANNELS];
    uint32_t seen = 0;
    ESPDL_NAME(next)(area, ESPDL_TILE, x, y);
    for (int32_t first = 0; first < ESPDL_CHANNELS; first += ESPDL_TOGETHER) {
      int32_t rows = area->walk.rows;
      int32_t runs = area->walk.runs;
      int32_t value = 0;
      int32_t weight = 0;
      int32_t left = area->walk.length;
      ESPDL_EACH_PIXEL(ESPDL_BEGIN_ALL)
      for (;;) {
        const int32_t part = ESPDL_WEIGHTS != ESPDL_APART && left > b->look ? b->look : left;
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
        value += part;
        weight += part;
#if ESPDL_WEIGHTS != ESPDL_APART
        ESPDL_EACH_PIXEL(ESPDL_LOOK)
        left -= part;
        if (left != 0) {
          continue;
        }
        left = area->walk.length;
#endif
        if (--runs != 0) {
          value += area->walk.x_run_gap;
          continue;
        }
        if (--rows == 0) {
          break;
        }
        runs = area->walk.runs;
        value += area->walk.x_row_gap;
        weight += area->walk.w_row_gap;
      }
      ESPDL_EACH_PIXEL(ESPDL_END_ALL)
    }
    ESPDL_NAME(espdl_take)(d, area, b, seen, sums, ESPDL_TILE, x, y);
  }
}

#undef ESPDL_TILE_NAME
#undef ESPDL_TILE
#undef ESPDL_TOGETHER
#undef ESPDL_WEIGHTS
#undef ESPDL_EACH_PIXEL
#undef ESPDL_PRODUCTS_OF
#undef ESPDL_EACH_CHANNEL
#undef ESPDL_WEIGHT
#undef ESPDL_POINT_WEIGHT
#undef ESPDL_MOVE_WEIGHT_1
#undef ESPDL_MOVE_WEIGHT_2
#undef ESPDL_POINT_WEIGHTS
#undef ESPDL_MOVE_WEIGHTS
#undef ESPDL_POINT
#undef ESPDL_LOAD
#undef ESPDL_MOVE_1
#undef ESPDL_MOVE_2
#undef ESPDL_CHANNEL
#undef ESPDL_PRODUCTS
#undef ESPDL_NEXT_WEIGHTS
#undef ESPDL_APART
#undef ESPDL_IN_LANES
#undef ESPDL_IN_ROWS
