/*
 * The body of espdl_matmul.c for one data type; espdl_each_type.h says what is set.
 */
#include "espdl_block.h"

#define ESPDL_TILE_NAME ESPDL_NAME(one)
#define ESPDL_TILE 1
#define ESPDL_TOGETHER ESPDL_CHANNELS
#define ESPDL_WEIGHTS ESPDL_IN_ROWS
#include "espdl_conv2d_tile.h"
#if ESPDL_VALUE_BITS == 8
#define ESPDL_SEVERAL several_s8
#define ESPDL_TILE_NAME ESPDL_SEVERAL
#define ESPDL_TILE ESPDL_PIXELS
#define ESPDL_TOGETHER ESPDL_SUMMED
#define ESPDL_WEIGHTS ESPDL_IN_ROWS
#include "espdl_conv2d_tile.h"
#else
/* The sums of several outputs, of two registers each, do not fit into a chip's registers. */
#define ESPDL_SEVERAL NULL
#endif

/* A product of two matrices, for the columns from `first` on, `size` of them, with one register. */
static void ESPDL_NAME(some_columns)(const espdl_conv_t *d, const ESPDL_VALUE *x, ESPDL_VALUE *y,
                                     int32_t first, int32_t size, espdl_register_t kept) {
  const espdl_columns_t outputs = espdl_columns_from(d, 0);
  for (int32_t i = 0; i < size; i += ESPDL_CHANNELS) {
    const int32_t last = size - ESPDL_CHANNELS;
    ESPDL_NAME(block_t) b = {.depth = d->input_channels, .stride = d->output_channels};
    /* A last block that is not full begins earlier, so that some columns are computed twice. */
    b.first = first + (i <= last ? i : last < 0 ? 0 : last);
    b.count = size < ESPDL_CHANNELS ? size : ESPDL_CHANNELS;
    b.weights = (const ESPDL_VALUE *)d->filter + b.first;
    b.places[1] = 1;
    b.kept = kept;
    b.look = ESPDL_LOOK_AFTER;
    b.one = last < 0 ? ESPDL_NAME(espdl_in_order) : ESPDL_NAME(one);
    b.several = ESPDL_SEVERAL;
    if (last < 0) {
      b.several = NULL;
    }
    ESPDL_NAME(espdl_prepare)(d, 0, d->input_channels, &b);
    ESPDL_NAME(espdl_areas)(d, &b, &outputs, x, y);
  }
}

void ESPDL_NAME(espdl_matmul)(const espdl_matmul_t *d, const ESPDL_VALUE *a, const ESPDL_VALUE *b,
                              ESPDL_VALUE *y, void *workspace) {
  (void)workspace; /* this kernel needs none, ESP-DL's packs the second factor there */
  espdl_conv_t product = as_convolution(d);
  for (int32_t i = 0; i < d->batches[0]; ++i) {
    for (int32_t j = 0; j < d->batches[1]; ++j, y += d->rows * d->columns) {
      const ESPDL_VALUE *x = a + i * d->strides_a[0] + j * d->strides_a[1];
      product.filter = b + i * d->strides_b[0] + j * d->strides_b[1];
      ESPDL_NAME(some_columns)(&product, x, y, 0, d->columns_in_lanes,
                               espdl_lane_register(&product));
      ESPDL_NAME(some_columns)(&product, x, y, d->columns_in_lanes,
                               d->columns - d->columns_in_lanes, espdl_rest_register(&product));
    }
  }
}

#undef ESPDL_SEVERAL
#include "espdl_block_end.h"
