/*
 * max_pool2d by ESP-DL's max_pool2d.
 *
 * ESP-DL takes it that there are as many windows as begin in the padding before the image, and that
 * this padding and the image hold a window where windows are several steps apart; else it miscounts
 * them, and leaves its arrays. Along an axis where that is not so, it gets the windows one by one,
 * each as an image of its own without padding.
 *
 *              with vectors             without
 *   alignment  any                      any
 *   over-read  16                       0
 *   in place   none                     none
 *
 * Source: ESP-DL dl/base/dl_base_max_pool2d.cpp, dl_base_pool2d.hpp (max_pool_shell) and
 * dl/base/isa.
 */
#include "espdl_glue.hpp"
#include "espdl_window.h"

namespace {

/* An image along one axis, and the windows on it. */
struct Axis {
  int input;
  int output;
  int kernel;
  int pad;
  int stride;
};

bool is_counted_right(const Axis &axis) {
  const int in_padding = (axis.pad + axis.stride - 1) / axis.stride;
  return in_padding <= axis.output &&
         (axis.stride == 1 || axis.input + axis.pad >= axis.kernel);
}

/* Rows or columns of padding that the last window reaches behind the image. */
int tail_padding(const Axis &axis) {
  const int behind = (axis.output - 1) * axis.stride + axis.kernel - axis.pad - axis.input;
  return behind > 0 ? behind : 0;
}

/* A window alone: what it has of the image. */
Axis alone(const Axis &axis, int window, int *first) {
  const espdl_taps_t taps =
      espdl_taps_inside(window, axis.stride, axis.pad, 1, axis.kernel, axis.input);
  const int count = taps.end - taps.first;
  *first = taps.origin + taps.first;
  return {count, 1, count, 0, 1};
}

/* Windows that ESP-DL counts right, on a part of the image of the descriptor. */
template <typename T>
void pool(const espdl_pool_t &d, const Axis &rows, const Axis &columns, const T *x, T *y) {
  constexpr int lanes = espdl::kLanes<T>;
  constexpr int bytes = sizeof(T);
  const int row = d.input_width * d.channels;
  dl::base::PoolArgsType<T> args = {};
  args.input_element = espdl::unconst(x);
  args.input_height = rows.input;
  args.input_width = columns.input;
  args.input_channel = d.channels;
  args.input_y_offset = row;
  args.input_x_offset = d.channels;
  args.input_y_offset_bytes = row * bytes;
  args.input_x_offset_bytes = d.channels * bytes;
  args.input_stride_y_offset = rows.stride * row;
  args.input_stride_x_offset = columns.stride * d.channels;
  args.output_element = y;
  args.output_height = rows.output;
  args.output_width = columns.output;
  args.output_channel = d.channels;
  args.output_y_offset = d.output_width * d.channels;
  args.output_x_offset = d.channels;
  args.filter_height = rows.kernel;
  args.filter_width = columns.kernel;
  args.padding_h_head = rows.pad;
  args.padding_h_tail = tail_padding(rows);
  args.padding_w_head = columns.pad;
  args.padding_w_tail = tail_padding(columns);
  args.stride_y = rows.stride;
  args.stride_x = columns.stride;
  args.c_div_x_1 = d.channels / lanes - 1;
  args.c_remainder = d.channels % lanes * bytes;
  dl::base::max_pool2d<T>(&args);
}

template <typename T>
void max_pool2d(const espdl_pool_t &d, const T *x, T *y) {
  const Axis rows = {static_cast<int>(d.input_height), static_cast<int>(d.output_height),
                     static_cast<int>(d.kernel_height), static_cast<int>(d.pad_top),
                     static_cast<int>(d.stride_y)};
  const Axis columns = {static_cast<int>(d.input_width), static_cast<int>(d.output_width),
                        static_cast<int>(d.kernel_width), static_cast<int>(d.pad_left),
                        static_cast<int>(d.stride_x)};
  const int row_calls = is_counted_right(rows) ? 1 : rows.output;
  const int column_calls = is_counted_right(columns) ? 1 : columns.output;
  for (int i = 0; i < row_calls; ++i) {
    int top = 0;
    const Axis own_rows = is_counted_right(rows) ? rows : alone(rows, i, &top);
    for (int j = 0; j < column_calls; ++j) {
      int left = 0;
      const Axis own_columns = is_counted_right(columns) ? columns : alone(columns, j, &left);
      pool(d, own_rows, own_columns, x + (top * d.input_width + left) * d.channels,
           y + (i * d.output_width + j) * d.channels);
    }
  }
}

}  // namespace

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_max_pool2d_s8(const espdl_pool_t *d, const int8_t *x, int8_t *y) {
  max_pool2d(*d, x, y);
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_max_pool2d_s16(const espdl_pool_t *d, const int16_t *x, int16_t *y) {
  max_pool2d(*d, x, y);
}
#endif
