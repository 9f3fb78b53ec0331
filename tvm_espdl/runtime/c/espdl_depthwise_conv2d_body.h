/*
 * The body of espdl_depthwise_conv2d.c for one data type; espdl_each_type.h says what is set.
 */

/* Up to ESPDL_LANES channels that are computed together, and where their weights are. */
typedef struct {
  int32_t first;              /* the first channel */
  int32_t count;              /* how many */
  const ESPDL_VALUE *filter;  /* weights of the first tap */
  int32_t distance;           /* from the weights of a tap to those of the next */
} ESPDL_NAME(group_t);

/* The group that starts at a channel. In vectors every group has its own taps, else all share. */
static ESPDL_NAME(group_t) ESPDL_NAME(group)(const espdl_conv_t *d, int32_t first) {
  const int32_t left = d->output_channels - first;
  const int32_t count = left < ESPDL_LANES ? left : ESPDL_LANES;
  const int32_t taps = d->kernel_height * d->kernel_width;
  const bool vectors = d->lanes != 0;
  const ESPDL_NAME(group_t) group = {
      first, count, (const ESPDL_VALUE *)d->filter + (vectors ? first * taps : first),
      vectors ? count : d->output_channels};
  return group;
}

/* Adds the products of a window to the sums of a group, in any order. */
static void ESPDL_NAME(add_taps)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                 const ESPDL_NAME(group_t) *group, espdl_runs_t runs,
                                 int64_t *sums) {
  ESPDL_SUM added[ESPDL_LANES] = {0};
  espdl_run_t run;
  while (espdl_next_run(d, &runs, &run)) {
    const ESPDL_VALUE *values = x + run.pixel * d->input_channels + group->first;
    const ESPDL_VALUE *weights = group->filter + run.tap * group->distance;
    for (int32_t i = 0; i < group->count; ++i) {
      added[i] += (ESPDL_SUM)((int32_t)values[i] * weights[i]);
    }
  }
  for (int32_t i = 0; i < group->count; ++i) {
    sums[i] = espdl_add_wrapping(sums[i], (ESPDL_SIGNED_SUM)added[i]);
  }
}

/* The same in the chip's order, row by row, clamped after every product. */
static void ESPDL_NAME(add_taps_clamped)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                         const ESPDL_NAME(group_t) *group, espdl_runs_t runs,
                                         int64_t *sums) {
  const int64_t highest = espdl_highest(d->lane_bits);
  espdl_run_t run;
  while (espdl_next_run(d, &runs, &run)) {
    const ESPDL_VALUE *values = x + run.pixel * d->input_channels + group->first;
    const ESPDL_VALUE *weights = group->filter + run.tap * group->distance;
    for (int32_t i = 0; i < group->count; ++i) {
      const int32_t product = (int32_t)values[i] * weights[i];
      sums[i] = espdl_add_clamped(sums[i], product, -1 - highest, highest);
    }
  }
}

/* The results of a group at one output pixel. */
static void ESPDL_NAME(pixel)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                              const ESPDL_NAME(group_t) *group, espdl_runs_t runs,
                              ESPDL_VALUE *y) {
  const bool clamped = d->ordered && d->lane_products_per_clamp != 0;
  const ESPDL_VALUE *shifts = d->channel_shifts;
  int64_t sums[ESPDL_LANES];
  for (int32_t i = 0; i < group->count; ++i) {
    /* Every channel is in vectors here, also those that do not fill one. */
    sums[i] = espdl_bias_of(d, group->first + i, d->output_channels, ESPDL_VALUE_BITS / 2);
    if (clamped) {
      const int64_t highest = espdl_highest(d->lane_bits);
      sums[i] = espdl_clamp(sums[i], -1 - highest, highest);
    }
  }
  if (clamped) {
    ESPDL_NAME(add_taps_clamped)(d, x, group, runs, sums);
  } else {
    ESPDL_NAME(add_taps)(d, x, group, runs, sums);
  }
  for (int32_t i = 0; i < group->count; ++i) {
    const int32_t shift = shifts == NULL ? d->shift : shifts[group->first + i];
    y[group->first + i] = ESPDL_NAME(espdl_saturate)(espdl_finish(d, sums[i], shift));
  }
}

void ESPDL_NAME(espdl_depthwise_conv2d)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                        ESPDL_VALUE *y) {
  for (int32_t row = 0; row < d->output_height; ++row) {
    const espdl_taps_t rows = espdl_taps_inside(row, d->stride_y, d->pad_top, d->dilation_y,
                                                d->kernel_height, d->input_height);
    for (int32_t column = 0; column < d->output_width; ++column) {
      const espdl_taps_t columns = espdl_taps_inside(column, d->stride_x, d->pad_left,
                                                     d->dilation_x, d->kernel_width,
                                                     d->input_width);
      const espdl_runs_t runs = espdl_runs_of(d, rows, columns, false);
      for (int32_t first = 0; first < d->output_channels; first += ESPDL_LANES) {
        const ESPDL_NAME(group_t) group = ESPDL_NAME(group)(d, first);
        ESPDL_NAME(pixel)(d, x, &group, runs, y);
      }
      y += d->output_channels;
    }
  }
}
