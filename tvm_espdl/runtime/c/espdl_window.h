/*
 * Which taps of a window lie inside the image: padding is skipped, never read (ESP-DL
 * dl/base/dl_base.hpp, conv_operation_shell, and dl_base_pool2d.hpp).
 */
#ifndef ESPDL_WINDOW_H
#define ESPDL_WINDOW_H

#include <stdint.h>

#include "espdl_kernels.h"

/* The taps first <= tap < end of one axis; tap t reads the image at origin + t * dilation. */
typedef struct {
  int32_t origin;
  int32_t first;
  int32_t end;
} espdl_taps_t;

/* Neighbouring outputs along an axis whose windows have the same taps; `taps` of the first. */
typedef struct {
  int32_t first;
  int32_t count;
  espdl_taps_t taps;
} espdl_span_t;

/* The taps of the window number `output`, along an axis with `size` rows or columns. */
static inline espdl_taps_t espdl_taps_inside(int32_t output, int32_t stride, int32_t pad,
                                             int32_t dilation, int32_t kernel, int32_t size) {
  espdl_taps_t taps = {output * stride - pad, 0, kernel};
  const int32_t after = size - taps.origin;
  if (taps.origin < 0) {
    taps.first = (dilation - 1 - taps.origin) / dilation;
  }
  if (after < (kernel - 1) * dilation + 1) {
    taps.end = after > 0 ? (after + dilation - 1) / dilation : 0;
  }
  return taps;
}

/* The span that begins with the window number `first` of `outputs` ones. */
static inline espdl_span_t espdl_span_from(int32_t first, int32_t outputs, int32_t stride,
                                           int32_t pad, int32_t dilation, int32_t kernel,
                                           int32_t size) {
  espdl_span_t span = {first, 1,
                       espdl_taps_inside(first, stride, pad, dilation, kernel, size)};
  for (; first + span.count < outputs; ++span.count) {
    const espdl_taps_t next =
        espdl_taps_inside(first + span.count, stride, pad, dilation, kernel, size);
    if (next.first != span.taps.first || next.end != span.taps.end) {
      break;
    }
  }
  return span;
}

/* The part of a pool's window that is inside the image; pitches count elements. */
typedef struct {
  int32_t rows;
  int32_t columns;
  int32_t row_pitch;
  int32_t pitch;      /* from one pixel to the next */
} espdl_inside_t;

/* Does `use` for every pixel of a window; `values` points at it. */
#define ESPDL_OVER_WINDOW(type, inside, x, use)                            \
  for (int32_t row = 0; row < (inside)->rows; ++row) {                     \
    int32_t at = row * (inside)->row_pitch;                                \
    for (int32_t left = (inside)->columns; left > 0; --left) {             \
      const type *const values = (x) + at;                                 \
      at += (inside)->pitch;                                               \
      use                                                                  \
    }                                                                      \
  }

/*
 * A pool from `four_<suffix>(d, inside, x, y)`, which computes four channels of a window, and
 * `one_<suffix>`, for images of fewer channels. The last channels may be computed twice.
 */
#define ESPDL_POOL(name, suffix, type)                                                      \
  static void pixel_##suffix(const espdl_pool_t *d, const espdl_inside_t *inside,           \
                             const type *x, type *y) {                                      \
    const int32_t channels = d->channels;                                                   \
    for (int32_t i = 0; channels < 4 && i < channels; ++i) {                                \
      one_##suffix(d, inside, x + i, y + i);                                                \
    }                                                                                       \
    for (int32_t i = 0; channels >= 4 && i < channels; i += 4) {                            \
      const int32_t first = i < channels - 4 ? i : channels - 4;                            \
      four_##suffix(d, inside, x + first, y + first);                                       \
    }                                                                                       \
  }                                                                                         \
                                                                                            \
  void espdl_##name##_##suffix(const espdl_pool_t *d, const type *x, type *y) {             \
    espdl_inside_t inside;                                                                  \
    inside.row_pitch = d->input_width * d->channels;                                        \
    inside.pitch = d->channels;                                                             \
    for (int32_t row = 0; row < d->output_height; ++row) {                                  \
      const espdl_taps_t rows = espdl_taps_inside(row, d->stride_y, d->pad_top, 1,          \
                                                  d->kernel_height, d->input_height);       \
      inside.rows = rows.end - rows.first;                                                  \
      for (int32_t column = 0; column < d->output_width; ++column, y += d->channels) {      \
        const espdl_taps_t columns = espdl_taps_inside(column, d->stride_x, d->pad_left, 1, \
                                                       d->kernel_width, d->input_width);    \
        const int32_t at = (rows.origin + rows.first) * inside.row_pitch +                  \
                           (columns.origin + columns.first) * inside.pitch;                 \
        inside.columns = columns.end - columns.first;                                       \
        pixel_##suffix(d, &inside, x + at, y);                                              \
      }                                                                                     \
    }                                                                                       \
  }

#endif
