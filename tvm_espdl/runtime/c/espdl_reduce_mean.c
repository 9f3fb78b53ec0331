/*
 * reduce_mean: y = saturate(round(float(sum) * input_scale / count * output_scale)).
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reduce_mean.hpp.
 */
#include "espdl_reduce.h"

#define JOINED(d, sum, element) ((sum) + (element))
#define FINISHED_S8(d, sum) espdl_saturate_s8(finished(d, (float)(sum)))
#define FINISHED_S16(d, sum) espdl_saturate_s16(finished(d, (float)(sum)))

static int32_t finished(const espdl_reduce_t *d, float sum) {
  const float real = sum * d->input_scale;
  const float mean = real / (float)d->count;
  return espdl_reduce_scaled(d, mean);
}

ESPDL_DEFINE_REDUCE(mean, s8, int8_t, int32_t, 0, JOINED, FINISHED_S8)
ESPDL_DEFINE_REDUCE(mean, s16, int16_t, int64_t, 0, JOINED, FINISHED_S16)
