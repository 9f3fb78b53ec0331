/*
 * Kernels that move elements, put them where tables say, or resize images; included by
 * espdl_kernels.h, whose conventions hold.
 */
#ifndef ESPDL_REARRANGEMENT_H
#define ESPDL_REARRANGEMENT_H

#include <stdint.h>

/* Dimensions of views, padded tensors; parts of a concatenation. */
#define ESPDL_STRIDED_RANK 6
#define ESPDL_PAD_RANK 6
#define ESPDL_CONCAT_PARTS 16

/* A view that steps through the input; unused dimensions in front have extent 1. */
typedef struct {
  int32_t first;                        /* place of the first element in the input */
  int32_t extents[ESPDL_STRIDED_RANK];  /* of the view */
  int32_t strides[ESPDL_STRIDED_RANK];  /* in the input, may be negative */
} espdl_strided_t;

/* How the elements around the input are made. */
enum { ESPDL_PAD_CONSTANT, ESPDL_PAD_EDGE, ESPDL_PAD_REFLECT };

/* More elements on every side; unused dimensions in front have extent 1. */
typedef struct {
  int32_t input_extents[ESPDL_PAD_RANK];   /* of the input */
  int32_t output_extents[ESPDL_PAD_RANK];  /* of the output */
  int32_t before[ESPDL_PAD_RANK];          /* elements in front of the input */
  int32_t mode;                            /* ESPDL_PAD_CONSTANT, _EDGE or _REFLECT */
  int32_t value;                           /* the constant */
} espdl_pad_t;

/* Slices of one axis. */
typedef struct {
  int32_t outer;          /* elements before the axis */
  int32_t extent;         /* elements along the axis of the input */
  int32_t inner;          /* elements after the axis */
  int32_t count;          /* indices */
  const int32_t *indices; /* which slices, each from 0 to extent - 1 */
} espdl_gather_t;

/* Tensors one behind the other. */
typedef struct {
  int32_t parts;                       /* inputs */
  int32_t outer;                       /* blocks of each input */
  int32_t blocks[ESPDL_CONCAT_PARTS];  /* elements of one block of each input */
} espdl_concat_t;

/* An image whose pixels are copied to another size. */
typedef struct {
  int32_t input_height;   /* rows of the image */
  int32_t input_width;    /* columns of the image */
  int32_t output_height;  /* rows of the result */
  int32_t output_width;   /* columns of the result */
  int32_t channels;       /* channels of both */
  int32_t shift;          /* output exponent minus input exponent */
  int32_t half_even;      /* 1: ties go to the even integer, 0: up */
  int32_t wraps;          /* 1: results are taken modulo 2^8, 0: saturated */
  const int32_t *rows;    /* row of the image for each row of the result */
  const int32_t *columns; /* column of the image for each column of the result */
} espdl_resize_nearest_t;

/* An image whose pixels are weighed to another size. */
typedef struct {
  int32_t input_height;   /* rows of the image, 1 for a signal */
  int32_t input_width;    /* columns of the image */
  int32_t output_height;  /* rows of the result */
  int32_t output_width;   /* columns of the result */
  int32_t channels;       /* channels of both */
  float input_scale;      /* 2^exponent of the input */
  float output_scale;     /* 2^-exponent of the output */
  int32_t half_even;      /* 1: ties go to the even integer, 0: up */
  const int32_t *rows;    /* upper row of the image for each row of the result */
  const float *below;     /* weight of the row below it */
  const int32_t *columns; /* left column of the image for each column of the result */
  const float *right;     /* weight of the column right of it */
} espdl_resize_linear_t;

/* The first steps of each sequence in reverse order. */
typedef struct {
  int32_t sequences;        /* number of sequences */
  int32_t steps;            /* steps of each sequence */
  int32_t features;         /* elements of one step, side by side */
  int32_t sequence_stride;  /* elements between two sequences */
  int32_t step_stride;      /* elements between two steps */
  const int32_t *lengths;   /* steps to reverse, of each sequence */
} espdl_reverse_sequence_t;

/* What an update does to the value that is there. */
enum {
  ESPDL_SCATTER_NONE,
  ESPDL_SCATTER_ADD,
  ESPDL_SCATTER_MUL,
  ESPDL_SCATTER_MAX,
  ESPDL_SCATTER_MIN
};

/* A copy with updated slices. */
typedef struct {
  int32_t size;           /* elements of the data */
  int32_t slices;         /* number of updates */
  int32_t slice_size;     /* elements of each */
  int32_t reduction;      /* ESPDL_SCATTER_NONE, _ADD, _MUL, _MAX or _MIN */
  const int32_t *places;  /* where each slice begins in the data */
} espdl_scatter_nd_t;

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

#endif
