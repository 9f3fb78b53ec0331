/*
 * The loop around a function of real numbers, and the exponential that several of them share.
 *
 * The chip's expf and logf may differ in the last bit; here they are the double-precision
 * functions, rounded once, so that every engine of this project computes the same.
 */
#ifndef ESPDL_FUNCTION_H
#define ESPDL_FUNCTION_H

#include <math.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* Above this, e^x is no finite float. */
#define ESPDL_LARGEST_LOGARITHM 88.72283f

static inline float espdl_exponential(float x) {
  return x > ESPDL_LARGEST_LOGARITHM ? INFINITY : (float)exp((double)x);
}

static inline float espdl_logistic(float x) {
  return (float)(1.0 / (1.0 + (double)espdl_exponential(-x)));
}

/* The kernels from `static inline float function(const descriptor *d, float real)`. */
#define ESPDL_DEFINE_FUNCTION_OF(name, descriptor, suffix, type)              \
  void espdl_##name##_##suffix(const descriptor *d, const type *x, type *y) { \
    const descriptor own = *d;                                                \
    for (int32_t i = 0; i < own.size; ++i) {                                  \
      const float real = (float)x[i] * own.input_scale;                       \
      const float scaled = function(&own, real) * own.output_scale;           \
      y[i] = espdl_saturate_##suffix(espdl_round(scaled, own.half_even));     \
    }                                                                         \
  }

#define ESPDL_DEFINE_FUNCTION(name, descriptor)          \
  ESPDL_DEFINE_FUNCTION_OF(name, descriptor, s8, int8_t) \
  ESPDL_DEFINE_FUNCTION_OF(name, descriptor, s16, int16_t)

#endif
