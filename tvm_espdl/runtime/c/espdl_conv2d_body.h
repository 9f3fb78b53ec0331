/*
 * The body of espdl_conv2d.c for one data type; espdl_each_type.h says what is set.
 */
#include "espdl_block.h"

#ifndef ESPDL_WITHOUT_LANES
#define ESPDL_TILE_NAME ESPDL_NAME(one_in_lanes)
#define ESPDL_TILE 1
#define ESPDL_TOGETHER ESPDL_CHANNELS
#define ESPDL_WEIGHTS ESPDL_IN_LANES
#include "espdl_conv2d_tile.h"
#endif
#define ESPDL_TILE_NAME ESPDL_NAME(one)
#define ESPDL_TILE 1
#define ESPDL_TOGETHER ESPDL_CHANNELS
#define ESPDL_WEIGHTS ESPDL_APART
#include "espdl_conv2d_tile.h"
#if ESPDL_VALUE_BITS == 8
#ifndef ESPDL_WITHOUT_LANES
#define ESPDL_SEVERAL_IN_LANES several_in_lanes_s8
#define ESPDL_TILE_NAME ESPDL_SEVERAL_IN_LANES
#define ESPDL_TILE ESPDL_PIXELS
#define ESPDL_TOGETHER ESPDL_SUMMED
#define ESPDL_WEIGHTS ESPDL_IN_LANES
#include "espdl_conv2d_tile.h"
#endif
#define ESPDL_SEVERAL several_s8
#define ESPDL_TILE_NAME ESPDL_SEVERAL
#define ESPDL_TILE ESPDL_PIXELS
#define ESPDL_TOGETHER ESPDL_SUMMED
#define ESPDL_WEIGHTS ESPDL_APART
#include "espdl_conv2d_tile.h"
#else
/* The sums of several outputs, of two registers each, do not fit into a chip's registers. */
#define ESPDL_SEVERAL_IN_LANES NULL
#define ESPDL_SEVERAL NULL
#endif

#ifndef ESPDL_WITHOUT_LANES
/* What is special about a block of channels in full vectors, whose filter is at `weights`. */
static void ESPDL_NAME(in_lanes)(const espdl_conv_t *d, int32_t products, ESPDL_NAME(block_t) *b) {
  const int32_t lane = b->first % ESPDL_LANES;
  b->weights += lane - lane * products;
  b->one = ESPDL_NAME(one_in_lanes);
  b->several = ESPDL_SEVERAL_IN_LANES;
  b->stride = ESPDL_LANES;
  b->places[1] = 1;
  b->look = ESPDL_LOOK_AFTER;
  b->kept = espdl_lane_register(d);
}
#endif

/* The block that begins with the channel `first`; `in_vectors` channels are in full vectors. */
static void ESPDL_NAME(block)(const espdl_conv_t *d, int32_t first, int32_t in_vectors,
                              ESPDL_NAME(block_t) *b) {
  const int32_t products = d->kernel_height * d->kernel_width * d->input_channels;
  const int32_t left = d->output_channels - first;
  b->first = first;
  b->count = left < ESPDL_CHANNELS ? left : ESPDL_CHANNELS;
  b->depth = d->input_channels;
  b->value = 0;
  b->one = ESPDL_NAME(one);
  b->several = ESPDL_SEVERAL;
  b->weights = (const ESPDL_VALUE *)d->filter + first * products;
  b->stride = 1;
  for (int32_t i = 0; i < ESPDL_CHANNELS; ++i) {
    /* A channel that is not there has the weights of the last one. */
    b->places[i] = (i < b->count ? i : b->count - 1) * products;
  }
  b->value_distance = 0;
  b->kept = espdl_rest_register(d);
  b->look = 0;
#ifndef ESPDL_WITHOUT_LANES
  if (first < in_vectors) {
    ESPDL_NAME(in_lanes)(d, products, b);
  }
#endif
  ESPDL_NAME(espdl_prepare)(d, in_vectors, products, b);
}

void ESPDL_NAME(espdl_conv2d)(const espdl_conv_t *d, const ESPDL_VALUE *x, ESPDL_VALUE *y) {
  const int32_t in_vectors =
      d->lanes == 0 ? 0 : d->output_channels / ESPDL_LANES * ESPDL_LANES;
  for (int32_t column = 0; column < d->output_width;) {
    const espdl_columns_t columns = espdl_columns_from(d, column);
    for (int32_t first = 0; first < d->output_channels; first += ESPDL_CHANNELS) {
      ESPDL_NAME(block_t) b;
      ESPDL_NAME(block)(d, first, in_vectors, &b);
      ESPDL_NAME(espdl_areas)(d, &b, &columns, x, y);
    }
    column = espdl_columns_end(&columns);
  }
}

#undef ESPDL_SEVERAL
#undef ESPDL_SEVERAL_IN_LANES
#include "espdl_block_end.h"
