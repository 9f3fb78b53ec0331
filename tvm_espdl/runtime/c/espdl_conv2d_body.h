/*
 * The body of espdl_conv2d.c for one data type; espdl_each_type.h says what is set.
 */

/* Output channels of the rest that are computed together, to load each input only once. */
#define ESPDL_TOGETHER 4

/* Products that a 32-bit sum of 8-bit data holds for certain: 65536 * 2^14 < 2^31. */
#define ESPDL_PRODUCTS 65536

/* Adds the products of a window to the sums of ESPDL_LANES channels, in any order. */
static void ESPDL_NAME(add_lanes)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                  const ESPDL_VALUE *filter, espdl_runs_t runs, int64_t *sums) {
  ESPDL_SUM added[ESPDL_LANES] = {0};
  espdl_run_t run;
  while (espdl_next_run(d, &runs, &run)) {
    const int32_t count = runs.taps_per_run * d->input_channels;
    const ESPDL_VALUE *values = x + run.pixel * d->input_channels;
    const ESPDL_VALUE *weights = filter + run.tap * d->input_channels * ESPDL_LANES;
    for (int32_t i = 0; i < count; ++i, weights += ESPDL_LANES) {
      for (int32_t lane = 0; lane < ESPDL_LANES; ++lane) {
        added[lane] += (ESPDL_SUM)((int32_t)values[i] * weights[lane]);
      }
    }
  }
  for (int32_t lane = 0; lane < ESPDL_LANES; ++lane) {
    sums[lane] = espdl_add_wrapping(sums[lane], (ESPDL_SIGNED_SUM)added[lane]);
  }
}

#if ESPDL_VALUE_BITS == 8
/* As add_lanes_clamped, for registers that leave 32-bit arithmetic room for a product. */
static void ESPDL_NAME(add_lanes_narrow)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                         const ESPDL_VALUE *filter, espdl_runs_t runs,
                                         int64_t *sums) {
  const int32_t highest = (int32_t)espdl_highest(d->lane_bits);
  const int32_t lowest = -1 - highest;
  int32_t registers[ESPDL_LANES];
  for (int32_t lane = 0; lane < ESPDL_LANES; ++lane) {
    registers[lane] = (int32_t)sums[lane];
  }
  espdl_run_t run;
  while (espdl_next_run(d, &runs, &run)) {
    const ESPDL_VALUE *values = x + run.pixel * d->input_channels;
    const ESPDL_VALUE *weights = filter + run.tap * d->input_channels * ESPDL_LANES;
    for (int32_t i = 0; i < d->input_channels; ++i, weights += ESPDL_LANES) {
      for (int32_t lane = 0; lane < ESPDL_LANES; ++lane) {
        const int32_t sum = registers[lane] + (int32_t)values[i] * weights[lane];
        const int32_t below = sum > highest ? highest : sum;
        registers[lane] = below < lowest ? lowest : below;
      }
    }
  }
  for (int32_t lane = 0; lane < ESPDL_LANES; ++lane) {
    sums[lane] = registers[lane];
  }
}
#endif

/* As add_lanes, in the chip's order: row, column, input channel; clamped after every product. */
static void ESPDL_NAME(add_lanes_clamped)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                          const ESPDL_VALUE *filter, espdl_runs_t runs,
                                          int64_t *sums) {
  const int64_t highest = espdl_highest(d->lane_bits);
  const int64_t lowest = -1 - highest;
  espdl_run_t run;
  while (espdl_next_run(d, &runs, &run)) {
    const ESPDL_VALUE *values = x + run.pixel * d->input_channels;
    const ESPDL_VALUE *weights = filter + run.tap * d->input_channels * ESPDL_LANES;
    for (int32_t i = 0; i < d->input_channels; ++i, weights += ESPDL_LANES) {
      for (int32_t lane = 0; lane < ESPDL_LANES; ++lane) {
        const int32_t product = (int32_t)values[i] * weights[lane];
        sums[lane] = espdl_add_clamped(sums[lane], product, lowest, highest);
      }
    }
  }
}

/* Adds the products of `count` values with the weights of one channel to its sum. */
static void ESPDL_NAME(add_run)(const ESPDL_VALUE *x, const ESPDL_VALUE *weights, int32_t count,
                                int64_t *sum) {
  ESPDL_SUM added = 0;
  for (int32_t i = 0; i < count; ++i) {
    added += (ESPDL_SUM)((int32_t)x[i] * weights[i]);
  }
  *sum = espdl_add_wrapping(*sum, (ESPDL_SIGNED_SUM)added);
}

/* The same for ESPDL_TOGETHER channels, whose weights lie `distance` apart. */
static void ESPDL_NAME(add_run_together)(const ESPDL_VALUE *x, const ESPDL_VALUE *weights,
                                         int32_t distance, int32_t count, int64_t *sums) {
  const ESPDL_VALUE *second = weights + distance;
  const ESPDL_VALUE *third = second + distance;
  const ESPDL_VALUE *fourth = third + distance;
  ESPDL_SUM added[ESPDL_TOGETHER] = {0};
  for (int32_t i = 0; i < count; ++i) {
    const int32_t value = x[i];
    added[0] += (ESPDL_SUM)(value * weights[i]);
    added[1] += (ESPDL_SUM)(value * second[i]);
    added[2] += (ESPDL_SUM)(value * third[i]);
    added[3] += (ESPDL_SUM)(value * fourth[i]);
  }
  for (int32_t i = 0; i < ESPDL_TOGETHER; ++i) {
    sums[i] = espdl_add_wrapping(sums[i], (ESPDL_SIGNED_SUM)added[i]);
  }
}

/* Adds the products of a window to the sums of up to ESPDL_TOGETHER channels of the rest. */
static void ESPDL_NAME(add_rest)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                 const ESPDL_VALUE *filter, espdl_runs_t runs, int32_t channels,
                                 int64_t *sums) {
  const int32_t distance = d->kernel_height * d->kernel_width * d->input_channels;
  espdl_run_t run;
  while (espdl_next_run(d, &runs, &run)) {
    const ESPDL_VALUE *values = x + run.pixel * d->input_channels;
    const ESPDL_VALUE *weights = filter + run.tap * d->input_channels;
    const int32_t count = runs.taps_per_run * d->input_channels;
    for (int32_t i = 0; i < count; i += ESPDL_PRODUCTS) {
      const int32_t part = count - i < ESPDL_PRODUCTS ? count - i : ESPDL_PRODUCTS;
      if (channels == ESPDL_TOGETHER) {
        ESPDL_NAME(add_run_together)(values + i, weights + i, distance, part, sums);
        continue;
      }
      for (int32_t channel = 0; channel < channels; ++channel) {
        ESPDL_NAME(add_run)(values + i, weights + channel * distance + i, part, &sums[channel]);
      }
    }
  }
}

/* As add_rest for one channel, clamped after every few products; a clamp never spans two taps. */
static void ESPDL_NAME(add_rest_clamped)(const espdl_conv_t *d, const ESPDL_VALUE *x,
                                         const ESPDL_VALUE *filter, espdl_runs_t runs,
                                         int64_t *sum) {
  const int64_t highest = espdl_highest(d->rest_bits);
  const int32_t step = d->rest_products_per_clamp;
  espdl_run_t run;
  while (espdl_next_run(d, &runs, &run)) {
    const ESPDL_VALUE *values = x + run.pixel * d->input_channels;
    const ESPDL_VALUE *weights = filter + run.tap * d->input_channels;
    for (int32_t i = 0; i < d->input_channels; i += step) {
      const int32_t left = d->input_channels - i;
      int64_t products = 0;
      ESPDL_NAME(add_run)(values + i, weights + i, left < step ? left : step, &products);
      *sum = espdl_add_clamped(*sum, products, -1 - highest, highest);
    }
  }
}

/* The sums of `count` channels start as their bias, within the register if that clamps. */
static void ESPDL_NAME(start)(const espdl_conv_t *d, int32_t channel, int32_t count,
                              int32_t in_vectors, bool clamped, int64_t *sums) {
  for (int32_t i = 0; i < count; ++i) {
    sums[i] = espdl_bias_of(d, channel + i, in_vectors, ESPDL_VALUE_BITS / 2);
    if (clamped) {
      const int32_t bits = channel < in_vectors ? d->lane_bits : d->rest_bits;
      sums[i] = espdl_clamp(sums[i], -1 - espdl_highest(bits), espdl_highest(bits));
    }
  }
}

/* The results of `count` channels. */
static void ESPDL_NAME(store)(const espdl_conv_t *d, const int64_t *sums, int32_t channel,
                              int32_t count, ESPDL_VALUE *y) {
  const ESPDL_VALUE *shifts = d->channel_shifts;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t shift = shifts == NULL ? d->shift : shifts[channel + i];
    y[channel + i] = ESPDL_NAME(espdl_saturate)(espdl_finish(d, sums[i], shift));
  }
}

/* All channels of one output pixel. */
static void ESPDL_NAME(pixel)(const espdl_conv_t *d, const ESPDL_VALUE *x, espdl_runs_t runs,
                              bool clamped, ESPDL_VALUE *y) {
  const ESPDL_VALUE *filter = d->filter;
  const int32_t products = d->kernel_height * d->kernel_width * d->input_channels;
  const int32_t channels = d->output_channels;
  const int32_t in_vectors = d->lanes == 0 ? 0 : channels / ESPDL_LANES * ESPDL_LANES;
  int64_t sums[ESPDL_LANES];
  int32_t channel = 0;
  for (; channel < in_vectors; channel += ESPDL_LANES, filter += products * ESPDL_LANES) {
    ESPDL_NAME(start)(d, channel, ESPDL_LANES, in_vectors, clamped, sums);
    if (!clamped) {
      ESPDL_NAME(add_lanes)(d, x, filter, runs, sums);
#if ESPDL_VALUE_BITS == 8
    } else if (d->lane_bits < 32) {
      ESPDL_NAME(add_lanes_narrow)(d, x, filter, runs, sums);
#endif
    } else {
      ESPDL_NAME(add_lanes_clamped)(d, x, filter, runs, sums);
    }
    ESPDL_NAME(store)(d, sums, channel, ESPDL_LANES, y);
  }
  const int32_t together = clamped ? 1 : ESPDL_TOGETHER;
  for (; channel < channels; channel += together, filter += products * together) {
    const int32_t count = channels - channel < together ? channels - channel : together;
    ESPDL_NAME(start)(d, channel, count, in_vectors, clamped, sums);
    if (clamped) {
      ESPDL_NAME(add_rest_clamped)(d, x, filter, runs, sums);
    } else {
      ESPDL_NAME(add_rest)(d, x, filter, runs, count, sums);
    }
    ESPDL_NAME(store)(d, sums, channel, count, y);
  }
}

void ESPDL_NAME(espdl_conv2d)(const espdl_conv_t *d, const ESPDL_VALUE *x, ESPDL_VALUE *y) {
  const bool clamped = d->ordered && d->rest_products_per_clamp != 0;
  for (int32_t row = 0; row < d->output_height; ++row) {
    const espdl_taps_t rows = espdl_taps_inside(row, d->stride_y, d->pad_top, d->dilation_y,
                                                d->kernel_height, d->input_height);
    for (int32_t column = 0; column < d->output_width; ++column) {
      const espdl_taps_t columns = espdl_taps_inside(column, d->stride_x, d->pad_left,
                                                     d->dilation_x, d->kernel_width,
                                                     d->input_width);
      const espdl_runs_t runs = espdl_runs_of(d, rows, columns, !clamped);
      ESPDL_NAME(pixel)(d, x, runs, clamped, y);
      y += d->output_channels;
    }
  }
}

#undef ESPDL_TOGETHER
#undef ESPDL_PRODUCTS
