/*
 * Descriptors and prototypes of the operators that combine two broadcast inputs: differences,
 * products, quotients, extremes. Sums are in espdl_kernels.h, which includes this file.
 */
#ifndef ESPDL_BINARY_H
#define ESPDL_BINARY_H

/* A product; the first members are those of espdl_binary_t. */
typedef struct {
  int32_t rank;                             /* dimensions in use, the last ones */
  int32_t extents[ESPDL_BROADCAST_RANK];    /* of the output */
  int32_t strides_a[ESPDL_BROADCAST_RANK];  /* of the first input, 0 where it is repeated */
  int32_t strides_b[ESPDL_BROADCAST_RANK];  /* of the second input, 0 where it is repeated */
  int32_t exact;                            /* 1: the product is shifted, 0: scaled in float */
  int32_t shift;                            /* right shift of the product */
  float scale;                              /* 2^-shift */
  int32_t half_even;                        /* 1: ties go to the even integer, 0: up */
} espdl_mul_t;

/* A quotient; the first members are those of espdl_binary_t. */
typedef struct {
  int32_t rank;                             /* dimensions in use, the last ones */
  int32_t extents[ESPDL_BROADCAST_RANK];    /* of the output */
  int32_t strides_a[ESPDL_BROADCAST_RANK];  /* of the first input, 0 where it is repeated */
  int32_t strides_b[ESPDL_BROADCAST_RANK];  /* of the second input, 0 where it is repeated */
  float ratio;                              /* 2^(exponent of a - of b - of y) */
  int32_t divides_first;                    /* 1: a * (ratio / b), 0: (a * ratio) / b */
  int32_t zero_by_zero;                     /* result of 0 / 0 */
  int32_t half_even;                        /* 1: ties go to the even integer, 0: up */
} espdl_div_t;

/* The other sign. */
typedef struct {
  int32_t size; /* elements */
} espdl_neg_t;

/*
 * The function `name` that calls `row(d, a, b, y)` for each innermost run of the output; `row`
 * steps through its inputs by the last strides.
 */
#define ESPDL_DEFINE_BROADCAST(name, descriptor, type, row)               \
  void name(const descriptor *d, const type *a, const type *b, type *y) { \
    const int32_t *n = d->extents;                                        \
    const int32_t *s = d->strides_a;                                      \
    const int32_t *t = d->strides_b;                                      \
    for (int32_t i = 0; i < n[0]; ++i) {                                  \
      for (int32_t j = 0; j < n[1]; ++j) {                                \
        for (int32_t k = 0; k < n[2]; ++k, y += n[3]) {                   \
          const int32_t at_a = i * s[0] + j * s[1] + k * s[2];            \
          const int32_t at_b = i * t[0] + j * t[1] + k * t[2];            \
          row(d, a + at_a, b + at_b, y);                                  \
        }                                                                 \
      }                                                                   \
    }                                                                     \
  }

/* The output may be the first input, or either one where neither is repeated. */
void espdl_sub_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, int8_t *y);
void espdl_sub_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, int16_t *y);
void espdl_mul_s8(const espdl_mul_t *d, const int8_t *a, const int8_t *b, int8_t *y);
void espdl_mul_s16(const espdl_mul_t *d, const int16_t *a, const int16_t *b, int16_t *y);
void espdl_div_s8(const espdl_div_t *d, const int8_t *a, const int8_t *b, int8_t *y);
void espdl_div_s16(const espdl_div_t *d, const int16_t *a, const int16_t *b, int16_t *y);
void espdl_maximum_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, int8_t *y);
void espdl_maximum_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, int16_t *y);
void espdl_minimum_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, int8_t *y);
void espdl_minimum_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, int16_t *y);

/* The output may be the input. */
void espdl_neg_s8(const espdl_neg_t *d, const int8_t *x, int8_t *y);
void espdl_neg_s16(const espdl_neg_t *d, const int16_t *x, int16_t *y);

#endif
