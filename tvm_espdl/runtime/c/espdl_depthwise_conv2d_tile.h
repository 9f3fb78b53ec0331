/*
 * A tile (espdl_block.h) of depthwise_conv2d: tap by tap, the products of the channels of
 * a block. espdl_depthwise_conv2d_body.h includes it once per case, with these set:
 *   ESPDL_TILE_NAME  name of the function
 *   ESPDL_TILE       outputs: 1 or ESPDL_PIXELS
 *
 * It looks at the sums after each row.
 */
#if ESPDL_TILE == 1
#define ESPDL_EACH_PIXEL(use) use(0)
#define ESPDL_PRODUCTS_OF(channel) ESPDL_ADD(0, channel, x0[channel] * v)
#elif ESPDL_TILE == 2
#define ESPDL_EACH_PIXEL(use) use(0) use(1)
#define ESPDL_PRODUCTS_OF(channel)       \
  ESPDL_ADD(0, channel, x0[channel] * v) \
  ESPDL_ADD(1, channel, x1[channel] * v)
#else
#define ESPDL_EACH_PIXEL(use) use(0) use(1) use(2)
#define ESPDL_PRODUCTS_OF(channel)       \
  ESPDL_ADD(0, channel, x0[channel] * v) \
  ESPDL_ADD(1, channel, x1[channel] * v) \
  ESPDL_ADD(2, channel, x2[channel] * v)
#endif
#define ESPDL_EACH_CHANNEL(use, pixel) use(pixel, 0) use(pixel, 1) use(pixel, 2) use(pixel, 3)
#define ESPDL_POINT(pixel) const ESPDL_VALUE *x##pixel = x[pixel] + value;
#define ESPDL_MOVE(pixel) x##pixel += step;
#define ESPDL_CHANNEL(pixel, channel) \
  {                                 \
    const int32_t v = w[channel];   \
    ESPDL_PRODUCTS_OF(channel)      \
  }                                 \
  ESPDL_FENCE

static void ESPDL_TILE_NAME(const espdl_conv_t *d, ESPDL_NAME(area_t) *area,
                            const ESPDL_NAME(block_t) *b) {
  const int32_t step = area->walk.x_run_gap + 1;
  const int32_t row_step = area->walk.runs * step + area->walk.x_row_gap - area->walk.x_run_gap;
  const int32_t stride = b->stride;
  enum { first = 0 };
  while (area->outputs >= ESPDL_TILE) {
    const ESPDL_VALUE *x[ESPDL_TILE];
    ESPDL_VALUE *y[ESPDL_TILE];
    ESPDL_SUM sums[ESPDL_TILE * ESPDL_CHANNELS];
    ESPDL_NAME(next)(area, ESPDL_TILE, x, y);
    const ESPDL_VALUE *w = area->weights;
    int32_t rows = area->walk.rows;
    int32_t value = 0;
    uint32_t seen = 0;
    ESPDL_EACH_PIXEL(ESPDL_BEGIN_ALL)
    for (;;) {
      ESPDL_EACH_PIXEL(ESPDL_POINT)
      for (int32_t runs = area->walk.runs;;) {
        ESPDL_EACH_CHANNEL(ESPDL_CHANNEL, _)
        if (--runs == 0) {
          break;
        }
        ESPDL_EACH_PIXEL(ESPDL_MOVE)
        w += stride;
      }
      ESPDL_EACH_PIXEL(ESPDL_LOOK)
      if (--rows == 0) {
        break;
      }
      value += row_step;
      w += (area->walk.w_row_gap + 1) * stride;
    }
    ESPDL_EACH_PIXEL(ESPDL_END_ALL)
    ESPDL_NAME(espdl_take)(d, area, b, seen, sums, ESPDL_TILE, x, y);
  }
}

#undef ESPDL_TILE_NAME
#undef ESPDL_TILE
#undef ESPDL_EACH_PIXEL
#undef ESPDL_PRODUCTS_OF
#undef ESPDL_EACH_CHANNEL
#undef ESPDL_POINT
#undef ESPDL_MOVE
#undef ESPDL_CHANNEL
