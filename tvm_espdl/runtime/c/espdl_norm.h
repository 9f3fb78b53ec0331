/*
 * Kernels that normalize vectors; included by espdl_kernels.h, whose conventions hold.
 */
#ifndef ESPDL_NORM_H
#define ESPDL_NORM_H

#include <stdint.h>

/* Trailing dimensions brought to mean 0 and variance 1. */
typedef struct {
  int32_t outer;      /* how often */
  int32_t extent;     /* elements that are normalized together */
  float x_unit;       /* 2^exponent of the input */
  float scale_unit;   /* 2^exponent of the scale */
  float bias_unit;    /* 2^exponent of the bias */
  float y_scale;      /* 2^-exponent of the output */
  float epsilon;      /* added to the variance, above 0 */
  int32_t half_even;  /* 1: ties go to the even integer, 0: up */
  const void *scale;  /* NULL, or one factor per element, type of the data */
  const void *bias;   /* NULL, or one summand per element, type of the data */
} espdl_layer_norm_t;

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

#endif
