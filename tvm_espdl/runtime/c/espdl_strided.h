/*
 * The kernels `espdl_<name>_s8` and `_s16` whose result is a view that steps through the input; the
 * elements stay as they are.
 */
#ifndef ESPDL_STRIDED_H
#define ESPDL_STRIDED_H

#include <stdbool.h>

#include "espdl_kernels.h"

#define ESPDL_STRIDED_LAST (ESPDL_STRIDED_RANK - 1)

/* Counts the outer axes of the view on by one; false when all have been counted. */
static bool advance(const int32_t *extents, const int32_t *strides, int32_t *index,
                    int32_t *offset) {
  for (int32_t axis = ESPDL_STRIDED_LAST - 1; axis >= 0; --axis) {
    *offset += strides[axis];
    if (++index[axis] < extents[axis]) {
      return true;
    }
    *offset -= extents[axis] * strides[axis];
    index[axis] = 0;
  }
  return false;
}

/* Places are counted, not pointed at: a pointer must not leave its array, not even unused. */
#define ESPDL_DEFINE_STRIDED_OF(name, descriptor, first_place, suffix, type)  \
  void espdl_##name##_##suffix(const descriptor *d, const type *x, type *y) { \
    int32_t index[ESPDL_STRIDED_LAST] = {0};                                  \
    int32_t offset = first_place;                                             \
    do {                                                                      \
      int32_t from = offset;                                                  \
      for (int32_t i = 0; i < d->extents[ESPDL_STRIDED_LAST]; ++i) {          \
        *y++ = x[from];                                                       \
        from += d->strides[ESPDL_STRIDED_LAST];                               \
      }                                                                       \
    } while (advance(d->extents, d->strides, index, &offset));                \
  }

#define ESPDL_DEFINE_STRIDED(name, descriptor)                    \
  ESPDL_DEFINE_STRIDED_OF(name, descriptor, d->first, s8, int8_t) \
  ESPDL_DEFINE_STRIDED_OF(name, descriptor, d->first, s16, int16_t)

#endif
