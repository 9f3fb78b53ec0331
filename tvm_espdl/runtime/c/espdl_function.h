/*
 * Functions of real numbers, and the exponential that several of them share.
 *
 * The chip's expf and logf may differ in the last bit; here they are the double-precision
 * functions, rounded once, so that every engine of this project computes the same.
 */
#ifndef ESPDL_FUNCTION_H
#define ESPDL_FUNCTION_H

#include <math.h>

#include "espdl_pointwise.h"

/* Above this, e^x is no finite float. */
#define ESPDL_LARGEST_LOGARITHM 88.72283f

static inline float espdl_exponential(float x) {
  return x > ESPDL_LARGEST_LOGARITHM ? INFINITY : (float)exp((double)x);
}

static inline float espdl_logistic(float x) {
  return (float)(1.0 / (1.0 + (double)espdl_exponential(-x)));
}

/* The kernels from `static inline float function(const descriptor *d, float real)`. */
#define ESPDL_OF_REAL(suffix, d, v)    \
  espdl_saturate_##suffix(espdl_round( \
      function(d, (float)(v) * (d)->input_scale) * (d)->output_scale, (d)->half_even))
#define ESPDL_DEFINE_FUNCTION(name, descriptor) \
  ESPDL_ELEMENTWISE_BOTH(name, descriptor, ESPDL_OF_REAL)

#endif
