/*
 * The loop of kernels that treat lines along an axis alike: `line_<suffix>(d, x, y)` gets the first
 * element of one in input and output. `inner` is the distance of two elements of a line.
 */
#ifndef ESPDL_LINES_H
#define ESPDL_LINES_H

#include <math.h>
#include <stddef.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

#define ESPDL_LINES(name, descriptor, inner, suffix, type, y_type)              \
  void espdl_##name##_##suffix(const descriptor *d, const type *x, y_type *y) { \
    for (int32_t i = 0; i < d->outer; ++i) {                                    \
      for (int32_t j = 0; j < (inner); ++j) {                                   \
        const int32_t first = i * d->extent * (inner) + j;                      \
        line_##suffix(d, x + first, y + first);                                 \
      }                                                                         \
    }                                                                           \
  }

#endif
