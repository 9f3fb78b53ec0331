/*
 * pad: more elements on every side: a constant, the edge, or the reflected inside.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/base/dl_base_pad.cpp.
 */
#include <stddef.h>
#include <string.h>

#include "espdl_kernels.h"

/* Place along an axis of the input for a place of the output; -1 for the constant. */
static int32_t source(const espdl_pad_t *d, int32_t axis, int32_t index) {
  const int32_t extent = d->input_extents[axis];
  int32_t place = index - d->before[axis];
  if (place >= 0 && place < extent) {
    return place;
  }
  if (d->mode == ESPDL_PAD_CONSTANT) {
    return -1;
  }
  if (d->mode == ESPDL_PAD_REFLECT) {
    return place < 0 ? -place : 2 * (extent - 1) - place;
  }
  return place < 0 ? 0 : extent - 1;
}

/* Place of a row of the input for three outer places of the output; -1 for the constant. */
static int32_t row_of(const espdl_pad_t *d, int32_t i, int32_t j, int32_t k) {
  const int32_t outer = source(d, 0, i);
  const int32_t middle = source(d, 1, j);
  const int32_t inner = source(d, 2, k);
  if (outer < 0 || middle < 0 || inner < 0) {
    return -1;
  }
  return (outer * d->input_extents[1] + middle) * d->input_extents[2] + inner;
}

/* One row; `x` is NULL where all of it is the constant. What is inside is copied at once. */
#define ESPDL_DEFINE_PAD(suffix, type)                                                   \
  static void pad_row_##suffix(const espdl_pad_t *d, const type *x, type *y) {           \
    const int32_t inside = d->input_extents[3];                                          \
    const int32_t size = d->output_extents[3];                                           \
    for (int32_t i = 0; i < size; ++i) {                                                 \
      if (x != NULL && i == d->before[3] && inside > 0 && inside <= size - i) {          \
        memcpy(y + i, x, (size_t)inside * sizeof *y);                                    \
        i += inside - 1;                                                                 \
        continue;                                                                        \
      }                                                                                  \
      const int32_t place = x == NULL ? -1 : source(d, 3, i);                            \
      y[i] = place < 0 ? (type)d->value : x[place];                                      \
    }                                                                                    \
  }                                                                                      \
                                                                                         \
  void espdl_pad_##suffix(const espdl_pad_t *d, const type *x, type *y) {                \
    for (int32_t i = 0; i < d->output_extents[0]; ++i) {                                 \
      for (int32_t j = 0; j < d->output_extents[1]; ++j) {                               \
        for (int32_t k = 0; k < d->output_extents[2]; ++k, y += d->output_extents[3]) {  \
          const int32_t row = row_of(d, i, j, k);                                        \
          pad_row_##suffix(d, row < 0 ? NULL : x + row * d->input_extents[3], y);        \
        }                                                                                \
      }                                                                                  \
    }                                                                                    \
  }

ESPDL_DEFINE_PAD(s8, int8_t)
ESPDL_DEFINE_PAD(s16, int16_t)
