/*
 * Descriptors and prototypes of products of computed matrices, of what transposed convolutions
 * need, and of normalizations. espdl_kernels.h includes this file.
 */
#ifndef ESPDL_PRODUCT_H
#define ESPDL_PRODUCT_H

/* Products of two batches of matrices; each is (rows, depth) times (depth, columns). */
typedef struct {
  int32_t batches[2];               /* of the result, outer and inner */
  int32_t strides_a[2];             /* between two matrices of the first factor, 0: repeated */
  int32_t strides_b[2];             /* between two matrices of the second factor, 0: repeated */
  int32_t rows;                     /* of the first factor and the result */
  int32_t depth;                    /* columns of the first factor, rows of the second */
  int32_t columns;                  /* of the second factor and the result */
  int32_t columns_in_lanes;         /* the first ones, in full vectors; 0 without vectors */
  int32_t shift;                    /* output exponent minus product exponent */
  int32_t relu;                     /* 1: negative results become 0 */
  int32_t half_even;                /* 1: ties go to the even integer, 0: up */
  int32_t lane_bits;                /* width of the sums of columns in full vectors */
  int32_t lane_products_per_clamp;  /* products added between two clamps, 0: wraps around */
  int32_t rest_bits;                /* width of the sums of the remaining columns */
  int32_t rest_products_per_clamp;  /* as above, for the remaining columns */
} espdl_matmul_t;

/* An image whose pixels move apart; what is between them is zero. */
typedef struct {
  int32_t input_height;   /* rows of the image */
  int32_t input_width;    /* columns of the image */
  int32_t channels;       /* channels of image and result */
  int32_t output_height;  /* rows of the result */
  int32_t output_width;   /* columns of the result */
  int32_t stride_y;       /* rows from one pixel to the next */
  int32_t stride_x;       /* columns from one pixel to the next */
} espdl_insert_zeros_t;

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

#endif
