/*
 * Kernels that compute with two broadcast inputs as real numbers; included by espdl_kernels.h,
 * whose conventions hold.
 */
#ifndef ESPDL_REAL_BINARY_H
#define ESPDL_REAL_BINARY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

/* The kernels `espdl_<name>_s8` and `_s16` from `static float function(float a, float b)`. */
#define ESPDL_DEFINE_REAL_BINARY(name, suffix, type, function)                         \
  static void row_##suffix(const espdl_real_binary_t *d, const type *a, const type *b, \
                           type *y) {                                                  \
    const int32_t step_a = d->strides_a[ESPDL_BROADCAST_RANK - 1];                     \
    const int32_t step_b = d->strides_b[ESPDL_BROADCAST_RANK - 1];                     \
    const int32_t extent = d->extents[ESPDL_BROADCAST_RANK - 1];                       \
    for (int32_t i = 0; i < extent; ++i, a += step_a, b += step_b) {                   \
      const float real = function((float)*a * d->scale_a, (float)*b * d->scale_b);     \
      y[i] = espdl_saturate_##suffix(espdl_round(real * d->scale_y, d->half_even));    \
    }                                                                                  \
  }                                                                                    \
                                                                                       \
  ESPDL_DEFINE_BROADCAST(espdl_##name##_##suffix, espdl_real_binary_t, type, row_##suffix)

#define ESPDL_DEFINE_REAL_BINARIES(name, function)     \
  ESPDL_DEFINE_REAL_BINARY(name, s8, int8_t, function) \
  ESPDL_DEFINE_REAL_BINARY(name, s16, int16_t, function)

void espdl_pow_s8(const espdl_real_binary_t *d, const int8_t *a, const int8_t *b, int8_t *y);
void espdl_pow_s16(const espdl_real_binary_t *d, const int16_t *a, const int16_t *b, int16_t *y);
void espdl_mod_s8(const espdl_real_binary_t *d, const int8_t *a, const int8_t *b, int8_t *y);
void espdl_mod_s16(const espdl_real_binary_t *d, const int16_t *a, const int16_t *b, int16_t *y);

#ifdef __cplusplus
}
#endif

#endif
