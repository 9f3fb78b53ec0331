/*
 * The body of espdl_depthwise_conv2d.c for one data type; espdl_each_type.h says what is set.
 */
#include "espdl_block.h"

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

/* The block of `count` channels from `first` on, of a group of `size` whose weights take turns. */
static void ESPDL_NAME(block)(const espdl_conv_t *d, int32_t first, int32_t count, int32_t group,
                              int32_t size, ESPDL_NAME(block_t) *b) {
  const int32_t taps = d->kernel_height * d->kernel_width;
  b->first = first;
  b->count = count;
  b->depth = 1;
  b->value = first;
  b->one = ESPDL_NAME(one);
  b->several = ESPDL_SEVERAL;
  b->weights = (const ESPDL_VALUE *)d->filter + group * taps + first - group;
  b->stride = size;
  b->places[0] = 0;
  b->places[1] = 1;
  b->value_distance = 1;
  b->kept = espdl_lane_register(d);
  b->look = d->kernel_width;
  if (count < ESPDL_CHANNELS) {
    b->one = ESPDL_NAME(espdl_in_order);
    b->several = NULL;
  }
  /* Every channel is in vectors here, also those that do not fill one. */
  ESPDL_NAME(espdl_prepare)(d, d->output_channels, taps, b);
}

/* Some columns of outputs: the channels of a vector have their own taps, without vectors all. */
static void ESPDL_NAME(channels)(const espdl_conv_t *d, const espdl_columns_t *columns,
                                 const ESPDL_VALUE *x, ESPDL_VALUE *y) {
  const int32_t channels = d->output_channels;
  const int32_t together = d->lanes == 0 ? channels : ESPDL_LANES;
  for (int32_t first = 0; first < channels; first += ESPDL_CHANNELS) {
    const int32_t group = first / together * together;
    const int32_t size = channels - group < together ? channels - group : together;
    const int32_t last = group + size - ESPDL_CHANNELS;
    /* A last block that is not full begins earlier, so that some channels are computed twice. */
    const int32_t from = first <= last ? first : last < group ? group : last;
    const int32_t count = size < ESPDL_CHANNELS ? size : ESPDL_CHANNELS;
    ESPDL_NAME(block_t) b;
    ESPDL_NAME(block)(d, from, count, group, size, &b);
    ESPDL_NAME(espdl_areas)(d, &b, columns, x, y);
  }
}

void ESPDL_NAME(espdl_depthwise_conv2d)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                        ESPDL_VALUE *y) {
  for (int32_t column = 0; column < d->output_width;) {
    const espdl_columns_t columns = espdl_columns_from(d, column);
    ESPDL_NAME(channels)(d, &columns, x, y);
    column = espdl_columns_end(&columns);
  }
}

#undef ESPDL_SEVERAL
#include "espdl_block_end.h"
