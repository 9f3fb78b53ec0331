/*
 * The loop around a function of one integer: the kernels `espdl_<name>_s8` and `_s16` from
 * `static inline int32_t function(const descriptor *d, int32_t v)`, saturated.
 *
 * Here and in the other families the descriptor is copied, for the compiler has to expect that a
 * store to y changes it.
 */
#ifndef ESPDL_POINTWISE_H
#define ESPDL_POINTWISE_H

#include <stdint.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

#define ESPDL_DEFINE_POINTWISE_OF(name, descriptor, suffix, type)             \
  void espdl_##name##_##suffix(const descriptor *d, const type *x, type *y) { \
    const descriptor own = *d;                                                \
    for (int32_t i = 0; i < own.size; ++i) {                                  \
      y[i] = espdl_saturate_##suffix(function(&own, x[i]));                   \
    }                                                                         \
  }

#define ESPDL_DEFINE_POINTWISE(name, descriptor)          \
  ESPDL_DEFINE_POINTWISE_OF(name, descriptor, s8, int8_t) \
  ESPDL_DEFINE_POINTWISE_OF(name, descriptor, s16, int16_t)

#endif
