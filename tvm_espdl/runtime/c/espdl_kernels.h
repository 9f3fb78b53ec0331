/*
 * Portable C99 kernels that compute what ESP-DL v3.3.9 computes on an Espressif chip, bit for bit.
 *
 * A kernel takes a constant descriptor, its input or inputs in the operator's order, and its
 * output. It allocates nothing, keeps no state and never reads or writes outside its tensors.
 * Which chip's arithmetic it reproduces stands in the descriptor, so one source serves all chips.
 *
 * Conventions: activations are NHWC and of batch 1; a quantized value q means q * 2^exponent;
 * extents and strides count elements; `half_even` tells how a chip rounds ties (0: up, as on the
 * plain C chips and the ESP32-S3; 1: to the even integer, as on the ESP32-P4 and ESP32-S31).
 * Build with -ffp-contract=off: a fused multiply-add would change the last bit of a float.
 */
#ifndef ESPDL_KERNELS_H
#define ESPDL_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Alignment of a definition, in front of its type: `static const ESPDL_ALIGNED(16) int8_t w[]`. */
#if defined(__GNUC__)
#define ESPDL_ALIGNED(bytes) __attribute__((aligned(bytes)))
#elif defined(_MSC_VER)
#define ESPDL_ALIGNED(bytes) __declspec(align(bytes))
#else
#define ESPDL_ALIGNED(bytes) _Alignas(bytes)
#endif

/*
 * A source that is compiled with ESPDL_WITHOUT_S8 (ESPDL_WITHOUT_S16) leaves out its kernels whose
 * first input is of 8 (16) bits: ESP-DL's take their place.
 */
#ifdef ESPDL_WITHOUT_S8
#define ESPDL_S8(definition)
#else
#define ESPDL_S8(definition) definition
#endif
#ifdef ESPDL_WITHOUT_S16
#define ESPDL_S16(definition)
#else
#define ESPDL_S16(definition) definition
#endif

/* Dimensions of broadcast (espdl_binary_t) and of transposed tensors (espdl_transpose_t). */
#define ESPDL_BROADCAST_RANK 4
#define ESPDL_TRANSPOSE_RANK 6

/* A convolution, depthwise or not; a matrix product is a 1x1 convolution of a one-row image. */
typedef struct {
  int32_t input_height;             /* rows of the image */
  int32_t input_width;              /* columns of the image */
  int32_t input_channels;           /* channels of the image */
  int32_t output_height;            /* rows of the result */
  int32_t output_width;             /* columns of the result */
  int32_t output_channels;          /* channels of the result */
  int32_t output_pitch;             /* elements from one pixel of the result to the next */
  int32_t kernel_height;            /* taps of the filter, downwards */
  int32_t kernel_width;             /* taps of the filter, sideways */
  int32_t pad_top;                  /* rows of zeros above the image */
  int32_t pad_left;                 /* columns of zeros before the image */
  int32_t stride_y;                 /* rows between two windows */
  int32_t stride_x;                 /* columns between two windows */
  int32_t dilation_y;               /* rows between two taps */
  int32_t dilation_x;               /* columns between two taps */
  int32_t lanes;                    /* channels of one vector: 16 (8 for 16 bits), 0 without */
  int32_t shift;                    /* output exponent minus product exponent, all channels */
  int32_t relu;                     /* 1: negative results become 0 */
  int32_t half_even;                /* 1: ties go to the even integer, 0: up */
  int32_t ordered;                  /* 1: a sum may leave its register, so order matters */
  int32_t lane_bits;                /* width of the sums of channels in full vectors */
  int32_t lane_products_per_clamp;  /* products added between two clamps, 0: wraps around */
  int32_t rest_bits;                /* width of the sums of the remaining channels */
  int32_t rest_products_per_clamp;  /* as above, for the remaining channels */
  int32_t packed_bias_bits;         /* bits of a field of the ESP32-S3's packed bias, 0: plain */
  int32_t slice_channels;           /* for ESP-DL's kernels: channels at a time, 0: all */
  const void *filter;               /* weights in the chip's own order, type of the data */
  const void *bias;                 /* NULL, int32 (int64 for 16-bit data), or packed bytes */
  const void *channel_shifts;       /* NULL, or one shift per output channel, type of the data */
} espdl_conv_t;

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

/* A pool: a window slid over an image, each channel on its own. */
typedef struct {
  int32_t input_height;   /* rows of the image */
  int32_t input_width;    /* columns of the image */
  int32_t channels;       /* channels of image and result */
  int32_t output_height;  /* rows of the result */
  int32_t output_width;   /* columns of the result */
  int32_t kernel_height;  /* rows of the window */
  int32_t kernel_width;   /* columns of the window */
  int32_t pad_top;        /* rows above the image that windows may cover */
  int32_t pad_left;       /* columns before the image that windows may cover */
  int32_t stride_y;       /* rows between two windows */
  int32_t stride_x;       /* columns between two windows */
  float factor;           /* what a sum is multiplied with; not used for the maximum */
  int32_t half_even;      /* 1: ties go to the even integer, 0: up */
} espdl_pool_t;

/* Two inputs that are broadcast to one output; unused dimensions in front have extent 1. */
typedef struct {
  int32_t rank;                             /* dimensions in use, the last ones */
  int32_t extents[ESPDL_BROADCAST_RANK];    /* of the output */
  int32_t strides_a[ESPDL_BROADCAST_RANK];  /* of the first input, 0 where it is repeated */
  int32_t strides_b[ESPDL_BROADCAST_RANK];  /* of the second input, 0 where it is repeated */
  int32_t relu;                             /* 1: negative results become 0 */
} espdl_binary_t;

/* A function of two real numbers; the first members are those of espdl_binary_t. */
typedef struct {
  int32_t rank;                             /* dimensions in use, the last ones */
  int32_t extents[ESPDL_BROADCAST_RANK];    /* of the output */
  int32_t strides_a[ESPDL_BROADCAST_RANK];  /* of the first input, 0 where it is repeated */
  int32_t strides_b[ESPDL_BROADCAST_RANK];  /* of the second input, 0 where it is repeated */
  float scale_a;                            /* 2^exponent of the first input */
  float scale_b;                            /* 2^exponent of the second input */
  float scale_y;                            /* 2^-exponent of the output */
  int32_t half_even;                        /* 1: ties go to the even integer, 0: up */
} espdl_real_binary_t;

/* A function of real numbers, evaluated in float for every element. */
typedef struct {
  int32_t size;        /* elements */
  float input_scale;   /* 2^exponent of the input */
  float output_scale;  /* 2^-exponent of the output */
  float alpha;         /* first parameter, where the function has one */
  float beta;          /* second parameter */
  int32_t half_even;   /* 1: ties go to the even integer, 0: up */
} espdl_function_t;

/* Axes that are reduced to one element; unused dimensions in front have extent 1. */
typedef struct {
  int32_t kept_extents[2];     /* of the output */
  int32_t kept_strides[2];     /* in the input */
  int32_t reduced_extents[2];  /* of the elements of one result */
  int32_t reduced_strides[2];  /* in the input */
  int32_t count;               /* elements of one result */
  int32_t half_even;           /* 1: ties go to the even integer, 0: up */
  int32_t shift;               /* of an exact sum, to the right; negative: to the left */
  float input_scale;           /* 2^exponent of the input, or of its squares */
  float output_scale;          /* 2^-exponent of the output */
  const float *table;          /* exp(q * input_scale) for q = -128..127, or NULL */
} espdl_reduce_t;

/* Every element times a float number: quantize, dequantize. */
typedef struct {
  int32_t size;       /* elements */
  float scale;        /* a power of two */
  int32_t half_even;  /* 1: ties go to the even integer, 0: up */
} espdl_rescale_t;

/* Every element shifted to another exponent: requantize, relu. */
typedef struct {
  int32_t size;       /* elements */
  int32_t shift;      /* to the right; negative: to the left */
  int32_t half_even;  /* 1: ties go to the even integer, 0: up */
} espdl_requantize_t;

/* A Clip: limits, and then a change of the exponent. */
typedef struct {
  int32_t size;       /* elements */
  int32_t low;        /* limits, as integers of the input; the upper one counts where they cross */
  int32_t high;
  int32_t shift;      /* output exponent minus input exponent */
  int32_t half_even;  /* 1: ties go to the even integer, 0: up */
} espdl_limits_t;

/* Axes that change places; unused dimensions in front have extent 1. */
typedef struct {
  int32_t extents[ESPDL_TRANSPOSE_RANK];  /* of the output */
  int32_t strides[ESPDL_TRANSPOSE_RANK];  /* in the input, for each axis of the output */
} espdl_transpose_t;

/* Bytes as they are. */
typedef struct {
  int32_t bytes; /* how many */
} espdl_copy_t;

/* Probabilities along one axis. */
typedef struct {
  int32_t outer;      /* elements before the axis */
  int32_t extent;     /* elements along the axis */
  int32_t inner;      /* elements after the axis */
  float scale;        /* 2^exponent of the input */
  const float *table; /* exp(q * scale) for q = -128..127; NULL for 16-bit data */
} espdl_softmax_t;

#include "espdl_activation.h"
#include "espdl_border.h"
#include "espdl_norm.h"
#include "espdl_rearrangement.h"
#include "espdl_recurrent.h"
/* Descriptors of the other headers occur in this one. */
#include "espdl_prototypes.h"

#ifdef __cplusplus
}
#endif

#endif
