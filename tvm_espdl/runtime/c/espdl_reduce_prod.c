/*
 * reduce_prod: y = saturate(round(prod(x * input_scale) * output_scale)), in index order;
 * float for 8-bit data, double for 16-bit data.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reduce_prod.hpp.
 */
#include "espdl_reduction.h"

#define JOINED(d, product, element) ((product) * ((float)(element) * (d)->input_scale))
#define FINISHED_DOUBLE(d, product) rounded(d, (product) * (double)(d)->output_scale)
#define JOINED_DOUBLE(d, product, element) \
  ((product) * (double)((float)(element) * (d)->input_scale))

/* Far outside of every result; NaN gives the positive one. */
static double limited(double value) {
  if (!(value < 65536.0)) {
    return 65536.0;
  }
  return value < -65536.0 ? -65536.0 : value;
}

/*
 * Half-even chips round away from zero, then step back from odd integers that were a millionth or
 * less away (ESP-DL dl/tool/src/dl_tool.cpp).
 */
static int32_t rounded(const espdl_reduce_t *d, double real) {
  const double value = limited(real);
  if (!d->half_even) {
    const double above = value + 0.5;
    const int32_t truncated = (int32_t)above;
    return truncated - ((double)truncated > above);
  }
  const double away = value < 0 ? value - 0.5 : value + 0.5;
  const int32_t whole = (int32_t)away;
  const double distance = away - (double)whole;
  const int near = distance < 1e-6 && distance > -1e-6;
  if (near && (whole & 1) != 0) {
    return value < 0 ? whole + 1 : whole - 1;
  }
  return whole;
}

#define ESPDL_DEFINE_PROD(suffix, type, sum_type, joined, finished)                             \
  ESPDL_DEFINE_REDUCE(reduce_prod, espdl_reduce_t, suffix, type, sum_type, 1, joined, finished)

ESPDL_DEFINE_PROD(s8, int8_t, float, JOINED, espdl_reduce_scaled)
ESPDL_DEFINE_PROD(s16, int16_t, double, JOINED_DOUBLE, FINISHED_DOUBLE)
