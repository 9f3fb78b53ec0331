/*
 * The body of espdl_depthwise_conv2d.c for one data type; espdl_each_type.h says what is set.
 */
#include "espdl_accumulate_body.h"

#define ESPDL_TILE_NAME ESPDL_NAME(one)
#define ESPDL_TILE 1
#include "espdl_depthwise_conv2d_tile.h"
#if ESPDL_VALUE_BITS == 8
#define ESPDL_SEVERAL several_s8
#define ESPDL_TILE_NAME ESPDL_SEVERAL
#define ESPDL_TILE ESPDL_PIXELS
#include "espdl_depthwise_conv2d_tile.h"
#else
/* The sums of several outputs, of two registers each, do not fit into a chip's registers. */
#define ESPDL_SEVERAL NULL
#endif

/* An area for the channels from `first` on, `count` of them, whose weights take turns. */
static void ESPDL_NAME(some_channels)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area,
                                      int32_t first, int32_t count) {
  const int32_t taps = d->kernel_height * d->kernel_width;
  const int32_t products = area->walk.rows * area->walk.runs * area->walk.length;
  const ESPDL_VALUE *const filter = (const ESPDL_VALUE *)d->filter + first * taps;
  for (int32_t i = 0; i < count; i += ESPDL_CHANNELS) {
    const bool full = count >= ESPDL_CHANNELS;
    /* The last block is filled up with channels that are computed twice. */
    const int32_t at = full && i > count - ESPDL_CHANNELS ? count - ESPDL_CHANNELS : i;
    ESPDL_NAME(block_t) b = {
        .first = first + at,
        .count = full ? ESPDL_CHANNELS : count,
        .one = ESPDL_NAME(one),
        .several = ESPDL_SEVERAL,
        .value = first + at,
        .value_distance = 1,
        .weights = filter + area->tap * count + at,
        .stride = count,
        .distances = {1},
        .look = area->walk.runs,
        .exact = !full,
        .kept = espdl_lane_register(d),
    };
    /* Every channel is in vectors here, also those that do not fill one. */
    ESPDL_NAME(prepare)(d, d->output_channels, products, &b);
    ESPDL_NAME(outputs)(d, area, &b);
  }
}

/* An area for all channels: those of a vector have their own taps, without vectors all share. */
static void ESPDL_NAME(all_channels)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area) {
  const int32_t together = d->lanes == 0 ? d->output_channels : ESPDL_LANES;
  for (int32_t first = 0; first < d->output_channels; first += together) {
    const int32_t left = d->output_channels - first;
    ESPDL_NAME(some_channels)(d, area, first, left < together ? left : together);
  }
}

void ESPDL_NAME(espdl_depthwise_conv2d)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                        ESPDL_VALUE *y) {
  ESPDL_NAME(areas)(d, x, y, 1, ESPDL_NAME(all_channels));
}

#undef ESPDL_SEVERAL
#undef ESPDL_BEGIN
#undef ESPDL_ADD
#undef ESPDL_UPPER
#undef ESPDL_END
