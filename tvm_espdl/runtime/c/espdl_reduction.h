/*
 * The loops of reductions: all elements of one result, in index order, joined into one value.
 */
#ifndef ESPDL_REDUCTION_H
#define ESPDL_REDUCTION_H

#include <math.h>
#include <stdint.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/*
 * Defines espdl_<name>_<suffix>. `joined(d, result, element)` takes one element in, from `initial`
 * on; `finished(d, result)` gives the value to store. Both are functions or macros; `initial` may
 * read the first element, `*line`.
 */
#define ESPDL_DEFINE_REDUCE(name, descriptor, suffix, type, sum_type, initial, joined, finished) \
  void espdl_##name##_##suffix(const descriptor *d, const type *x, type *y) {                    \
    for (int32_t i = 0; i < d->kept_extents[0]; ++i) {                                           \
      for (int32_t j = 0; j < d->kept_extents[1]; ++j) {                                         \
        const type *line = x + i * d->kept_strides[0] + j * d->kept_strides[1];                  \
        sum_type result = initial;                                                               \
        for (int32_t k = 0; k < d->reduced_extents[0]; ++k) {                                    \
          for (int32_t m = 0; m < d->reduced_extents[1]; ++m) {                                  \
            const int32_t place = k * d->reduced_strides[0] + m * d->reduced_strides[1];         \
            result = joined(d, result, line[place]);                                             \
          }                                                                                      \
        }                                                                                        \
        *y++ = espdl_saturate_##suffix(finished(d, result));                                     \
      }                                                                                          \
    }                                                                                            \
  }

/* An exact sum at the output's exponent. */
static inline int64_t espdl_reduce_shifted(const espdl_reduce_t *d, int64_t sum) {
  return espdl_shift_and_round(sum, d->shift, d->half_even);
}

/* A float at the output's exponent. */
static inline int32_t espdl_reduce_scaled(const espdl_reduce_t *d, float value) {
  return espdl_round(value * d->output_scale, d->half_even);
}

/* The kernels from `static inline int32_t function(d, int32_t best, int32_t v)`. */
#define ESPDL_AS_IT_IS(d, result) (result)
#define ESPDL_DEFINE_EXTREME(name, descriptor)                                                \
  ESPDL_DEFINE_REDUCE(name, descriptor, s8, int8_t, int32_t, *line, function, ESPDL_AS_IT_IS) \
  ESPDL_DEFINE_REDUCE(name, descriptor, s16, int16_t, int32_t, *line, function, ESPDL_AS_IT_IS)

/* The kernels from `static inline int32_t term(d, int32_t v)`, whose sum is exact. */
#define ESPDL_SUM(d, sum, v) ((sum) + term(d, v))
#define ESPDL_DEFINE_EXACT_SUM(name, descriptor)                                                 \
  ESPDL_DEFINE_REDUCE(name, descriptor, s8, int8_t, int64_t, 0, ESPDL_SUM, espdl_reduce_shifted) \
  ESPDL_DEFINE_REDUCE(name, descriptor, s16, int16_t, int64_t, 0, ESPDL_SUM, espdl_reduce_shifted)

/* The kernels from `term`, and `static inline float function(d, float real)` of the sum. */
#define ESPDL_OF_SUM(d, sum) \
  espdl_reduce_scaled(d, function(d, (float)(sum) * (d)->input_scale))
#define ESPDL_DEFINE_REAL_SUM(name, descriptor)                                          \
  ESPDL_DEFINE_REDUCE(name, descriptor, s8, int8_t, int32_t, 0, ESPDL_SUM, ESPDL_OF_SUM) \
  ESPDL_DEFINE_REDUCE(name, descriptor, s16, int16_t, int64_t, 0, ESPDL_SUM, ESPDL_OF_SUM)

#endif
