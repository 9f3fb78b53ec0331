/*
 * The loops around what is computed from two broadcast inputs.
 */
#ifndef ESPDL_BROADCAST_H
#define ESPDL_BROADCAST_H

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/*
 * `value(suffix, d, a, b)` is the macro that gives a result of two elements. The output may be an
 * input that is not repeated.
 */
#define ESPDL_BROADCAST(name, descriptor, suffix, type, y_type, value)                         \
  void espdl_##name##_##suffix(const descriptor *d, const type *a, const type *b, y_type *y) { \
    const descriptor own = *d;                                                                 \
    const int32_t *n = own.extents;                                                            \
    const int32_t *s = own.strides_a;                                                          \
    const int32_t *t = own.strides_b;                                                          \
    for (int32_t i = 0; i < n[0]; ++i) {                                                       \
      for (int32_t j = 0; j < n[1]; ++j) {                                                     \
        for (int32_t k = 0; k < n[2]; ++k) {                                                   \
          const type *row_a = a + i * s[0] + j * s[1] + k * s[2];                              \
          const type *row_b = b + i * t[0] + j * t[1] + k * t[2];                              \
          for (int32_t l = 0; l < n[3]; ++l, row_a += s[3], row_b += t[3]) {                   \
            *y++ = value(suffix, &own, *row_a, *row_b);                                        \
          }                                                                                    \
        }                                                                                      \
      }                                                                                        \
    }                                                                                          \
  }

/* The kernels from `static inline int64_t function(const descriptor *d, int32_t a, int32_t b)`. */
#define ESPDL_OF_INTEGERS(suffix, d, a, b) espdl_saturate_##suffix(function(d, a, b))
#define ESPDL_DEFINE_BROADCAST(name, descriptor)                                     \
  ESPDL_S8(ESPDL_BROADCAST(name, descriptor, s8, int8_t, int8_t, ESPDL_OF_INTEGERS)) \
  ESPDL_S16(ESPDL_BROADCAST(name, descriptor, s16, int16_t, int16_t, ESPDL_OF_INTEGERS))

/* The kernels from `static inline float function(const descriptor *d, float a, float b)`. */
#define ESPDL_OF_REALS(suffix, d, a, b)                                                 \
  espdl_saturate_##suffix(espdl_round(                                                  \
      function(d, (float)(a) * (d)->scale_a, (float)(b) * (d)->scale_b) * (d)->scale_y, \
      (d)->half_even))
#define ESPDL_DEFINE_REAL_BROADCAST(name, descriptor)                   \
  ESPDL_BROADCAST(name, descriptor, s8, int8_t, int8_t, ESPDL_OF_REALS) \
  ESPDL_BROADCAST(name, descriptor, s16, int16_t, int16_t, ESPDL_OF_REALS)

#endif
