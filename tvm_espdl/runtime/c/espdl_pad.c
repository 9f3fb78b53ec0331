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

/* All dimensions but the last, along which a row lies. */
enum { OUTER = ESPDL_PAD_RANK - 1 };

/* Place of a row of the input for the outer places of the output; -1 for the constant. */
static int32_t row_of(const espdl_pad_t *d, const int32_t *at) {
  int32_t row = 0;
  for (int32_t axis = 0; axis < OUTER; ++axis) {
    const int32_t place = source(d, axis, at[axis]);
    if (place < 0) {
      return -1;
    }
    row = row * d->input_extents[axis] + place;
  }
  return row;
}

/* The next outer places, the last one fastest. */
static void step(const espdl_pad_t *d, int32_t *at) {
  for (int32_t axis = OUTER - 1; axis >= 0 && ++at[axis] == d->output_extents[axis]; --axis) {
    at[axis] = 0;
  }
}

/*
 * One row; `x` is NULL where all of it is the constant. What is inside is copied at once: no row
 * is empty, and none is cut.
 */
#define ESPDL_DEFINE_PAD(suffix, type)                                                   \
  static void pad_row_##suffix(const espdl_pad_t *d, const type *x, type *y) {           \
    const int32_t inside = d->input_extents[OUTER];                                      \
    const int32_t size = d->output_extents[OUTER];                                       \
    for (int32_t i = 0; i < size; ++i) {                                                 \
      if (x != NULL && i == d->before[OUTER]) {                                          \
        memcpy(y + i, x, (size_t)inside * sizeof *y);                                    \
        i += inside - 1;                                                                 \
        continue;                                                                        \
      }                                                                                  \
      const int32_t place = source(d, OUTER, i);                                         \
      y[i] = x == NULL || place < 0 ? (type)d->value : x[place];                         \
    }                                                                                    \
  }                                                                                      \
                                                                                         \
  void espdl_pad_##suffix(const espdl_pad_t *d, const type *x, type *y) {                \
    int32_t at[OUTER] = {0};                                                             \
    int32_t rows = 1;                                                                    \
    for (int32_t axis = 0; axis < OUTER; ++axis) {                                       \
      rows *= d->output_extents[axis];                                                   \
    }                                                                                    \
    for (; rows > 0; --rows, y += d->output_extents[OUTER], step(d, at)) {               \
      const int32_t row = row_of(d, at);                                                 \
      pad_row_##suffix(d, row < 0 ? NULL : x + row * d->input_extents[OUTER], y);        \
    }                                                                                    \
  }

ESPDL_DEFINE_PAD(s8, int8_t)
ESPDL_DEFINE_PAD(s16, int16_t)
