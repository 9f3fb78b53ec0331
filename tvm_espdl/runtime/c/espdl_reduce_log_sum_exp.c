/*
 * reduce_log_sum_exp: y = saturate(round(log(sum(exp(x * input_scale))) * output_scale)), summed in
 * index order, no maximum subtracted. The exponentials of 8-bit data come from a table.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL
 * dl/module/include/dl_module_reduce_log_sum_exp.hpp.
 */
#include "espdl_logarithm.h"

#define JOINED_S8(d, sum, element) ((sum) + (d)->table[(element) + 128])
#define JOINED_S16(d, sum, element) ((sum) + exponential(d, element))
#define FINISHED_S8(d, sum) espdl_saturate_s8(espdl_reduce_logarithm(d, sum))
#define FINISHED_S16(d, sum) espdl_saturate_s16(espdl_reduce_logarithm(d, sum))

static float exponential(const espdl_reduce_t *d, int16_t element) {
  const float real = (float)element * d->input_scale;
  return (float)exp((double)real);
}

ESPDL_DEFINE_REDUCE(log_sum_exp, s8, int8_t, float, 0.0f, JOINED_S8, FINISHED_S8)
ESPDL_DEFINE_REDUCE(log_sum_exp, s16, int16_t, float, 0.0f, JOINED_S16, FINISHED_S16)
