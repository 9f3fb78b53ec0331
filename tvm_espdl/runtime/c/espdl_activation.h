/*
 * Descriptors and prototypes of table lookup and PReLU. espdl_kernels.h includes this file.
 */
#ifndef ESPDL_ACTIVATION_H
#define ESPDL_ACTIVATION_H

/* A result for each input, or for every 2^shift-th one: the nearest counts. */
typedef struct {
  int32_t size;       /* elements */
  int32_t shift;      /* binary logarithm of the inputs between two entries; 0 for 8-bit data */
  int32_t half_even;  /* 1: ties go to the even entry, 0: up */
  const void *table;  /* type of the data, the first entry for the smallest integer */
} espdl_lut_t;

/* One factor per channel for negative values. */
typedef struct {
  int32_t pixels;     /* height times width */
  int32_t channels;   /* channels, the last dimension */
  int32_t shift;      /* right shift of products; negative: to the left */
  int32_t change;     /* right shift of positive values; negative: to the left */
  int32_t rounds;     /* 1: products are rounded to nearest, 0: down */
  int32_t wraps;      /* 1: products keep only their low bits, 0: they saturate */
  int32_t half_even;  /* 1: ties go to the even integer, 0: up */
  const void *alpha;  /* factors, type of the data */
} espdl_prelu_t;

#endif
