/*
 * reduce_log_sum_exp: y = saturate(round(log(sum(exp(x * input_scale))) * output_scale)), summed in
 * index order, no maximum subtracted. The exponentials of 8-bit data come from a table.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL
 * dl/module/include/dl_module_reduce_log_sum_exp.hpp.
 */
#include "espdl_reduction.h"

#define JOINED_S8(d, sum, element) ((sum) + (d)->table[(element) + 128])
#define JOINED_S16(d, sum, element) ((sum) + exponential(d, element))

static float exponential(const espdl_reduce_t *d, int16_t element) {
  const float real = (float)element * d->input_scale;
  return (float)exp((double)real);
}

/* The sum is not negative. The chip's own logf may differ in the last bit. */
static int32_t logarithm(const espdl_reduce_t *d, float sum) {
  return espdl_reduce_scaled(d, sum > 0.0f ? (float)log((double)sum) : -INFINITY);
}

#define ESPDL_DEFINE_LOG_SUM_EXP(suffix, type, joined)                                           \
  ESPDL_DEFINE_REDUCE(reduce_log_sum_exp, espdl_reduce_t, suffix, type, float, 0, joined, logarithm)

ESPDL_DEFINE_LOG_SUM_EXP(s8, int8_t, JOINED_S8)
ESPDL_DEFINE_LOG_SUM_EXP(s16, int16_t, JOINED_S16)
