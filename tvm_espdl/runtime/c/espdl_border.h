/*
 * What firmware calls at the border of a network: included by espdl_kernels.h, whose conventions
 * hold.
 */
#ifndef ESPDL_BORDER_H
#define ESPDL_BORDER_H

#include <stdint.h>

/* Dimensions of inputs and outputs whose axes change places. */
#define ESPDL_BORDER_RANK 6

/* Floats in the model's layout and integers in the chip's; unused dimensions have extent 1. */
typedef struct {
  int32_t extents[ESPDL_BORDER_RANK];  /* of the result */
  int32_t strides[ESPDL_BORDER_RANK];  /* in what is read, for each axis of the result */
  float scale;                         /* a power of two */
  int32_t half_even;                   /* 1: ties go to the even integer, 0: up */
} espdl_border_t;

/* Integers of pixels, by a table for each channel. */
typedef struct {
  int32_t pixels;          /* of the image */
  int32_t channels;        /* of each pixel */
  int32_t pixel_stride;    /* from a pixel to the next one in the result */
  int32_t channel_stride;  /* from a channel to the next one in the result */
  const void *table;       /* 256 results for each channel, of the result's type */
} espdl_pixel_table_t;

#endif
