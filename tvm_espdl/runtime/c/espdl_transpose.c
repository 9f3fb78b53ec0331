/*
 * transpose: the axes change places, the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_transpose.hpp.
 */
#include <stdbool.h>

#include "espdl_kernels.h"

#define LAST (ESPDL_TRANSPOSE_RANK - 1)

/* Counts the outer axes of the output on by one; false when all have been counted. */
static bool advance(const espdl_transpose_t *d, int32_t *index, int32_t *offset) {
  for (int32_t axis = LAST - 1; axis >= 0; --axis) {
    *offset += d->strides[axis];
    if (++index[axis] < d->extents[axis]) {
      return true;
    }
    *offset -= d->extents[axis] * d->strides[axis];
    index[axis] = 0;
  }
  return false;
}

#define ESPDL_DEFINE_TRANSPOSE(suffix, type)                                          \
  void espdl_transpose_##suffix(const espdl_transpose_t *d, const type *x, type *y) { \
    int32_t index[LAST] = {0};                                                        \
    int32_t offset = 0;                                                               \
    do {                                                                              \
      const type *from = x + offset;                                                  \
      for (int32_t i = 0; i < d->extents[LAST]; ++i, from += d->strides[LAST]) {      \
        *y++ = *from;                                                                 \
      }                                                                               \
    } while (advance(d, index, &offset));                                             \
  }

ESPDL_DEFINE_TRANSPOSE(s8, int8_t)
ESPDL_DEFINE_TRANSPOSE(s16, int16_t)
ESPDL_DEFINE_TRANSPOSE(f32, float)
