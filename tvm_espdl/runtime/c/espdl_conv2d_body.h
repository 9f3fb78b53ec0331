/*
 * The body of espdl_conv2d.c for one data type; espdl_each_type.h says what is set.
 */
#include "espdl_accumulate_body.h"

#define ESPDL_TILE_NAME ESPDL_NAME(one_in_lanes)
#define ESPDL_TILE 1
#define ESPDL_INTERLEAVED 1
#include "espdl_conv2d_tile.h"
#define ESPDL_TILE_NAME ESPDL_NAME(one)
#define ESPDL_TILE 1
#define ESPDL_INTERLEAVED 0
#include "espdl_conv2d_tile.h"
#if ESPDL_VALUE_BITS == 8
#define ESPDL_SEVERAL_IN_LANES several_in_lanes_s8
#define ESPDL_TILE_NAME ESPDL_SEVERAL_IN_LANES
#define ESPDL_TILE ESPDL_PIXELS
#define ESPDL_INTERLEAVED 1
#include "espdl_conv2d_tile.h"
#define ESPDL_SEVERAL several_s8
#define ESPDL_TILE_NAME ESPDL_SEVERAL
#define ESPDL_TILE ESPDL_PIXELS
#define ESPDL_INTERLEAVED 0
#include "espdl_conv2d_tile.h"
#else
/* The sums of several outputs, of two registers each, do not fit into a chip's registers. */
#define ESPDL_SEVERAL_IN_LANES NULL
#define ESPDL_SEVERAL NULL
#endif

/* Products between two looks at the sums. */
#define ESPDL_LOOK_AFTER 16

/* An area for all channels. */
static void ESPDL_NAME(all_channels)(const espdl_conv_t *d, const ESPDL_NAME(area_t) *area) {
  const int32_t products = area->walk.rows * area->walk.runs * area->walk.length;
  const int32_t size = d->kernel_height * d->kernel_width * d->input_channels;
  const int32_t in_vectors =
      d->lanes == 0 ? 0 : d->output_channels / ESPDL_LANES * ESPDL_LANES;
  for (int32_t first = 0; first < d->output_channels; first += ESPDL_CHANNELS) {
    const int32_t left = d->output_channels - first;
    ESPDL_NAME(block_t) b = {.first = first};
    b.count = left < ESPDL_CHANNELS ? left : ESPDL_CHANNELS;
    if (first < in_vectors) {
      const int32_t lane = first % ESPDL_LANES;
      b.one = ESPDL_NAME(one_in_lanes);
      b.several = ESPDL_SEVERAL_IN_LANES;
      b.weights = (const ESPDL_VALUE *)d->filter + (first - lane) * size +
                  area->tap * d->input_channels * ESPDL_LANES + lane;
      b.stride = ESPDL_LANES;
      b.distances[0] = 1;
      b.look = ESPDL_LOOK_AFTER;
      b.kept = espdl_lane_register(d);
    } else {
      b.one = ESPDL_NAME(one);
      b.several = ESPDL_SEVERAL;
      b.weights =
          (const ESPDL_VALUE *)d->filter + first * size + area->tap * d->input_channels;
      b.stride = 1;
      /* A channel that is not there has the weights of the last one. */
      for (int32_t i = 1; i < b.count; ++i) {
        b.distances[i - 1] = size;
      }
      b.kept = espdl_rest_register(d);
    }
    ESPDL_NAME(prepare)(d, in_vectors, products, &b);
    ESPDL_NAME(outputs)(d, area, &b);
  }
}

void ESPDL_NAME(espdl_conv2d)(const espdl_conv_t *d, const ESPDL_VALUE *x, ESPDL_VALUE *y) {
  ESPDL_NAME(areas)(d, x, y, d->input_channels, ESPDL_NAME(all_channels));
}

#undef ESPDL_SEVERAL
#undef ESPDL_SEVERAL_IN_LANES
#undef ESPDL_LOOK_AFTER
#undef ESPDL_BEGIN
#undef ESPDL_ADD
#undef ESPDL_UPPER
#undef ESPDL_END
