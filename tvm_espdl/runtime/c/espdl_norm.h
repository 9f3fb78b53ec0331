/*
 * Kernels that divide vectors by a norm of theirs; included by espdl_kernels.h, whose conventions
 * hold.
 */
#ifndef ESPDL_NORM_H
#define ESPDL_NORM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Division by the root mean square of trailing dimensions, and factors. */
typedef struct {
  int32_t outer;       /* vectors */
  int32_t extent;      /* elements of each */
  float square_unit;   /* 2^(2 * exponent of the input) */
  float epsilon;       /* added to the mean square */
  float ratio;         /* 2^(exponent of the input - of the output) */
  int32_t half_even;   /* 1: ties go to the even integer, 0: up */
  const float *scale;  /* one factor for each element of a vector */
} espdl_rms_norm_t;

/* Division by the norm of vectors along an axis. */
typedef struct {
  int32_t outer;       /* elements before the axis */
  int32_t extent;      /* elements of a vector */
  int32_t inner;       /* elements behind the axis: distance of two elements of a vector */
  int32_t squares;     /* 1: root of the sum of squares, 0: sum of absolute values */
  float output_scale;  /* 2^-exponent of the output */
  int32_t half_even;   /* 1: ties go to the even integer, 0: up */
} espdl_lp_norm_t;

#ifdef __cplusplus
}
#endif

#endif
