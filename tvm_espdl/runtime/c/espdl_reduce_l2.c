/*
 * reduce_l2: y = saturate(round(root(float(sum(x * x)) * input_scale) * output_scale)).
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reduce_l2.hpp.
 */
#include "espdl_reduce.h"

#define JOINED(d, sum, element) ((sum) + (int32_t)(element) * (element))
#define FINISHED_S8(d, sum) espdl_saturate_s8(finished(d, (float)(sum)))
#define FINISHED_S16(d, sum) espdl_saturate_s16(finished(d, (float)(sum)))

/* Newton's method until two steps are close (ESP-DL dl/math/include/dl_math.hpp). */
static float root(float value) {
  float result = value;
  float last = 0.0f;
  if (!(value > 0.0f)) {
    return 0.0f;
  }
  /* More steps than roots below 128 need, the only ones that the compiler lets through. */
  for (int32_t step = 0; step < 64; ++step) {
    last = result;
    result = (last + value / last) * 0.5f;
    const float distance = result - last;
    if (!(distance > 0.00001f || distance < -0.00001f)) {
      break;
    }
  }
  return result;
}

static int32_t finished(const espdl_reduce_t *d, float squares) {
  return espdl_reduce_scaled(d, root(squares * d->input_scale));
}

ESPDL_DEFINE_REDUCE(l2, s8, int8_t, int32_t, 0, JOINED, FINISHED_S8)
ESPDL_DEFINE_REDUCE(l2, s16, int16_t, int64_t, 0, JOINED, FINISHED_S16)
