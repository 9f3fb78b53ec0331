/*
 * The loop of what firmware calls at the border of a network: the result in its order, what is read
 * by strides. `value(suffix, d, v)` is the macro that gives the result of an element.
 */
#ifndef ESPDL_BORDER_WALK_H
#define ESPDL_BORDER_WALK_H

#include <stdbool.h>

#include "espdl_kernels.h"
#include "espdl_rescale.h"

#define ESPDL_BORDER_LAST (ESPDL_BORDER_RANK - 1)

/* Counts all but the last axis of the result on by one; false when all have been counted. */
static inline bool espdl_border_advance(const espdl_border_t *d, int32_t *index, int32_t *offset) {
  for (int32_t axis = ESPDL_BORDER_LAST - 1; axis >= 0; --axis) {
    *offset += d->strides[axis];
    if (++index[axis] < d->extents[axis]) {
      return true;
    }
    *offset -= d->extents[axis] * d->strides[axis];
    index[axis] = 0;
  }
  return false;
}

#define ESPDL_BORDER(name, suffix, type, y_type, value)                             \
  void espdl_##name##_##suffix(const espdl_border_t *d, const type *x, y_type *y) { \
    const espdl_border_t own = *d;                                                  \
    const int32_t count = own.extents[ESPDL_BORDER_LAST];                           \
    int32_t index[ESPDL_BORDER_LAST] = {0};                                         \
    int32_t offset = 0;                                                             \
    do {                                                                            \
      int32_t from = offset;                                                        \
      for (int32_t i = 0; i < count; ++i, from += own.strides[ESPDL_BORDER_LAST]) { \
        *y++ = value(suffix, &own, x[from]);                                        \
      }                                                                             \
    } while (espdl_border_advance(&own, index, &offset));                           \
  }

#endif
