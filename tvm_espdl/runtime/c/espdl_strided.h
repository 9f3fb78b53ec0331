/*
 * The kernels `espdl_<name>_s8` and `_s16` whose result is a view that steps through the input; the
 * elements stay as they are.
 */
#ifndef ESPDL_STRIDED_H
#define ESPDL_STRIDED_H

#include <stdbool.h>
#include <string.h>

#include "espdl_kernels.h"

#define ESPDL_STRIDED_OUTER (ESPDL_STRIDED_RANK - 2)
/* Elements side by side from which on it pays to call memcpy for them. */
#define ESPDL_WORTH_A_CALL 8

/* Counts all but the last two axes of the view on by one; false when all have been counted. */
static bool advance(const int32_t *extents, const int32_t *strides, int32_t *index,
                    int32_t *offset) {
  for (int32_t axis = ESPDL_STRIDED_OUTER - 1; axis >= 0; --axis) {
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
    const int32_t rows = d->extents[ESPDL_STRIDED_OUTER];                     \
    const int32_t pitch = d->strides[ESPDL_STRIDED_OUTER];                    \
    const int32_t count = d->extents[ESPDL_STRIDED_OUTER + 1];                \
    const int32_t stride = d->strides[ESPDL_STRIDED_OUTER + 1];               \
    const bool copied = stride == 1 && count >= ESPDL_WORTH_A_CALL;           \
    int32_t index[ESPDL_STRIDED_OUTER] = {0};                                 \
    int32_t offset = first_place;                                             \
    do {                                                                      \
      int32_t row = offset;                                                   \
      for (int32_t i = 0; i < rows; ++i, row += pitch, y += count) {          \
        if (copied) {                                                         \
          memcpy(y, x + row, (size_t)count * sizeof *y);                      \
          continue;                                                           \
        }                                                                     \
        int32_t from = row;                                                   \
        for (int32_t j = 0; j < count; ++j, from += stride) {                 \
          y[j] = x[from];                                                     \
        }                                                                     \
      }                                                                       \
    } while (advance(d->extents, d->strides, index, &offset));                \
  }

#define ESPDL_DEFINE_STRIDED(name, descriptor)                    \
  ESPDL_DEFINE_STRIDED_OF(name, descriptor, d->first, s8, int8_t) \
  ESPDL_DEFINE_STRIDED_OF(name, descriptor, d->first, s16, int16_t)

#endif
