/*
 * The loops of reductions: all elements of one result, in index order, joined into one value.
 */
#ifndef ESPDL_REDUCE_H
#define ESPDL_REDUCE_H

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/*
 * Defines espdl_reduce_<name>_<suffix>. `joined(d, result, element)` takes one element in, from
 * `initial` on; `finished(d, result)` gives the value to store. Both are functions or macros.
 */
#define ESPDL_DEFINE_REDUCE(name, suffix, type, sum_type, initial, joined, finished)             \
  void espdl_reduce_##name##_##suffix(const espdl_reduce_t *d, const type *x, type *y) {         \
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
        *y++ = finished(d, result);                                                              \
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

#endif
