/*
 * A tile (espdl_accumulate_body.h) of depthwise_conv2d: tap by tap, the products of the channels of
 * a block. espdl_depthwise_conv2d_body.h includes it once per case, with these set:
 *   ESPDL_TILE_NAME  name of the function
 *   ESPDL_TILE       outputs: 1 or ESPDL_PIXELS
 *
 * All sums are looked at after each row.
 */
#if ESPDL_TILE == 1
#define ESPDL_EACH_PIXEL(use) use(0)
#define ESPDL_PRODUCTS(channel)                \
  {                                            \
    const int32_t v = w[channel];              \
    ESPDL_ADD(0, channel, x0[channel] * v)     \
  }                                            \
  ESPDL_FENCE
#elif ESPDL_TILE == 2
#define ESPDL_EACH_PIXEL(use) use(0) use(1)
#define ESPDL_PRODUCTS(channel)                \
  {                                            \
    const int32_t v = w[channel];              \
    ESPDL_ADD(0, channel, x0[channel] * v)     \
    ESPDL_ADD(1, channel, x1[channel] * v)     \
  }                                            \
  ESPDL_FENCE
#else
#define ESPDL_EACH_PIXEL(use) use(0) use(1) use(2)
#define ESPDL_PRODUCTS(channel)                \
  {                                            \
    const int32_t v = w[channel];              \
    ESPDL_ADD(0, channel, x0[channel] * v)     \
    ESPDL_ADD(1, channel, x1[channel] * v)     \
    ESPDL_ADD(2, channel, x2[channel] * v)     \
  }                                            \
  ESPDL_FENCE
#endif
#define ESPDL_EACH_CHANNEL(use, pixel) use(pixel, 0) use(pixel, 1) use(pixel, 2) use(pixel, 3)
#define ESPDL_BEGIN_ALL(pixel) ESPDL_EACH_CHANNEL(ESPDL_BEGIN, pixel)
#define ESPDL_END_ALL(pixel) ESPDL_EACH_CHANNEL(ESPDL_END, pixel)
#define ESPDL_POINT(pixel) const ESPDL_VALUE *x##pixel = x[pixel] + value;
#define ESPDL_MOVE(pixel) x##pixel += step;
#define ESPDL_LOOK(pixel) \
  seen |= ESPDL_UPPER(pixel, 0) | ESPDL_UPPER(pixel, 1) | ESPDL_UPPER(pixel, 2) | \
          ESPDL_UPPER(pixel, 3);

static int32_t ESPDL_TILE_NAME(const espdl_walk_t *walk, const ESPDL_VALUE *const *x,
                               const ESPDL_NAME(block_t) *b, ESPDL_SUM *sums) {
  const ESPDL_VALUE *w = b->weights;
  int32_t rows = walk->rows;
  int32_t value = 0;
  int32_t seen = 0;
  ESPDL_EACH_PIXEL(ESPDL_BEGIN_ALL)
  for (;;) {
    const int32_t step = walk->x_run_gap + 1;
    const int32_t stride = b->stride;
    ESPDL_EACH_PIXEL(ESPDL_POINT)
    for (int32_t runs = walk->runs;;) {
      ESPDL_PRODUCTS(0)
      ESPDL_PRODUCTS(1)
      ESPDL_PRODUCTS(2)
      ESPDL_PRODUCTS(3)
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
    value += walk->runs * step + walk->x_row_gap - walk->x_run_gap;
    w += (walk->w_row_gap + 1) * stride;
  }
  ESPDL_EACH_PIXEL(ESPDL_END_ALL)
  return seen;
}

#undef ESPDL_TILE_NAME
#undef ESPDL_TILE
#undef ESPDL_EACH_PIXEL
#undef ESPDL_PRODUCTS
#undef ESPDL_EACH_CHANNEL
#undef ESPDL_BEGIN_ALL
#undef ESPDL_END_ALL
#undef ESPDL_POINT
#undef ESPDL_MOVE
#undef ESPDL_LOOK
