/*
 * The logarithm that ends two reductions.
 */
#ifndef ESPDL_LOGARITHM_H
#define ESPDL_LOGARITHM_H

#include <math.h>

#include "espdl_reduce.h"

/*
 * log(real) at the output's exponent; 0 gives the negative limit, less the positive one. The
 * chip's own logf may differ in the last bit; here it is the double-precision log, rounded once.
 */
static inline int32_t espdl_reduce_logarithm(const espdl_reduce_t *d, float real) {
  if (real > 0.0f) {
    return espdl_reduce_scaled(d, (float)log((double)real));
  }
  return real < 0.0f ? (int32_t)ESPDL_FLOAT_LIMIT : -(int32_t)ESPDL_FLOAT_LIMIT;
}

#endif
