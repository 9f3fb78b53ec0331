/*
 * reduce_log_sum: y = saturate(round(log(float(sum) * input_scale) * output_scale)).
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reduce_log_sum.hpp.
 */
#include "espdl_logarithm.h"

#define JOINED(d, sum, element) ((sum) + (element))
#define FINISHED_S8(d, sum) espdl_saturate_s8(finished(d, (float)(sum)))
#define FINISHED_S16(d, sum) espdl_saturate_s16(finished(d, (float)(sum)))

static int32_t finished(const espdl_reduce_t *d, float sum) {
  return espdl_reduce_logarithm(d, sum * d->input_scale);
}

ESPDL_DEFINE_REDUCE(log_sum, s8, int8_t, int32_t, 0, JOINED, FINISHED_S8)
ESPDL_DEFINE_REDUCE(log_sum, s16, int16_t, int64_t, 0, JOINED, FINISHED_S16)
