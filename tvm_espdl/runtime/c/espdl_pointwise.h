/*
 * The loop around what is computed from one element. `value(suffix, d, v)` is the macro that gives
 * the result of an element.
 *
 * Here and in the other families the descriptor is copied, for the compiler has to expect that a
 * store to y changes it.
 */
#ifndef ESPDL_POINTWISE_H
#define ESPDL_POINTWISE_H

#include <stdbool.h>
#include <stdint.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

#define ESPDL_ELEMENTWISE(name, descriptor, suffix, type, y_type, value) \
  void espdl_##name(const descriptor *d, const type *x, y_type *y) {     \
    const descriptor own = *d;                                           \
    for (int32_t i = 0; i < own.size; ++i) {                             \
      y[i] = value(suffix, &own, x[i]);                                  \
    }                                                                    \
  }

/*
 * The same from 8 bits to 8 bits. Where elements are more than integers, each integer's result is
 * computed once, and then looked up.
 */
#define ESPDL_INTEGERS 256
#define ESPDL_TABULATED(name, descriptor, value)                         \
  void espdl_##name(const descriptor *d, const int8_t *x, int8_t *y) {   \
    const descriptor own = *d;                                           \
    const bool looked_up = own.size > ESPDL_INTEGERS;                    \
    const int32_t count = looked_up ? ESPDL_INTEGERS : own.size;         \
    int8_t table[ESPDL_INTEGERS];                                        \
    int8_t *const results = looked_up ? table : y;                       \
    for (int32_t i = 0; i < count; ++i) {                                \
      const int32_t v = looked_up ? i + INT8_MIN : x[i];                 \
      results[i] = value(s8, &own, v);                                   \
    }                                                                    \
    if (looked_up) {                                                     \
      for (int32_t i = 0; i < own.size; ++i) {                           \
        y[i] = table[x[i] - INT8_MIN];                                   \
      }                                                                  \
    }                                                                    \
  }

/* The kernels `espdl_<name>_s8` and `_s16` from one of those macros. */
#define ESPDL_ELEMENTWISE_BOTH(name, descriptor, value) \
  ESPDL_TABULATED(name##_s8, descriptor, value)         \
  ESPDL_ELEMENTWISE(name##_s16, descriptor, s16, int16_t, int16_t, value)

/* The same from `static inline int32_t function(const descriptor *d, int32_t v)`, saturated. */
#define ESPDL_OF_INTEGER(suffix, d, v) espdl_saturate_##suffix(function(d, v))
#define ESPDL_DEFINE_POINTWISE(name, descriptor) \
  ESPDL_ELEMENTWISE_BOTH(name, descriptor, ESPDL_OF_INTEGER)

#endif
