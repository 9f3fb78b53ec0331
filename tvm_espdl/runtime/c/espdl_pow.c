/*
 * pow: y = saturate(round(a^b)) with broadcasting, on real numbers.
 *
 * Semantics: "Element-wise"; ESP-DL dl/base/dl_base_pow.cpp. The chip's powf may differ in the last
 * bit; here it is the double-precision function, rounded once.
 */
#include <float.h>
#include <math.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

static float power(float a, float b) {
  const double value = pow((double)a, (double)b);
  if (value > (double)FLT_MAX) {
    return INFINITY;
  }
  return value < -(double)FLT_MAX ? -INFINITY : (float)value;
}

ESPDL_DEFINE_REAL_BINARIES(pow, power)
