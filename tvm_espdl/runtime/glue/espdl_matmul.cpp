/*
 * matmul by ESP-DL's conv2d: a matrix of the second factor becomes the filter of a 1x1 convolution,
 * and the rows of the first are an image of one row. The workspace takes one filter at a time:
 * depth * columns elements, rounded up to 16 bytes, and 16 bytes that are only read.
 *
 *              with vectors
 *   alignment  workspace
 *   over-read  16 of the first factor
 *   in place   none
 *
 * Source: ESP-DL dl/module/include/dl_module_matmul.hpp, dl/base/dl_base_conv2d.cpp and
 * dl/base/isa; semantics: "Tensors, layouts, quantization facts".
 */
#include <string.h>

#include "espdl_convolution.hpp"

#if !CONFIG_PIE_V1_BOOST && !CONFIG_PIE_V2_BOOST
#error "chips without vectors have no workspace for a packed matrix: theirs is the portable kernel"
#endif

namespace {

/* Copies a vector from a multiple of `alignment` to where vectors may be. */
template <int alignment>
void copy_vector(void *to, const void *from) {
  memcpy(__builtin_assume_aligned(to, espdl::kVectorBytes),
         __builtin_assume_aligned(from, alignment), espdl::kVectorBytes);
}

/* The columns in full vectors: vector by vector, all rows of each. */
template <int alignment, typename T>
T *pack_vectors(const T *matrix, int depth, int columns, T *to) {
  constexpr int lanes = espdl::kLanes<T>;
  for (int first = 0; first + lanes <= columns; first += lanes) {
    for (int k = 0; k < depth; ++k, to += lanes) {
      copy_vector<alignment>(to, matrix + k * columns + first);
    }
  }
  return to;
}

/* A matrix as a filter (semantics: "Tensors, layouts"): the remaining columns stand alone. */
template <typename T>
void pack(const T *matrix, int depth, int columns, T *to) {
  constexpr int bytes = sizeof(T);
  constexpr int word = sizeof(uint32_t);
  const int full = columns / espdl::kLanes<T> * espdl::kLanes<T>;
  if (full != 0) {
    const bool in_words =
        columns * bytes % word == 0 && reinterpret_cast<uintptr_t>(matrix) % word == 0;
    to = in_words ? pack_vectors<word>(matrix, depth, columns, to)
                  : pack_vectors<bytes>(matrix, depth, columns, to);
  }
  for (int k = 0; k < depth; ++k) {
    for (int n = full; n < columns; ++n) {
      to[(n - full) * depth + k] = matrix[k * columns + n];
    }
  }
}

espdl_conv_t product(const espdl_matmul_t &d, const void *filter) {
  espdl_conv_t conv = {};
  conv.input_height = 1;
  conv.input_width = d.rows;
  conv.input_channels = d.depth;
  conv.output_height = 1;
  conv.output_width = d.rows;
  conv.output_channels = d.columns;
  conv.output_pitch = d.columns;
  conv.kernel_height = 1;
  conv.kernel_width = 1;
  conv.stride_y = 1;
  conv.stride_x = 1;
  conv.dilation_y = 1;
  conv.dilation_x = 1;
  conv.shift = d.shift;
  conv.relu = d.relu;
  conv.filter = filter;
  return conv;
}

template <typename T, typename Sum>
void matmul(const espdl_matmul_t &d, const T *a, const T *b, T *y, T *filter) {
  const espdl_conv_t conv = product(d, filter);
  const T *packed = nullptr;
  for (int i = 0; i < d.batches[0]; ++i) {
    for (int j = 0; j < d.batches[1]; ++j, y += d.rows * d.columns) {
      const T *matrix = b + i * d.strides_b[0] + j * d.strides_b[1];
      if (matrix != packed) {
        pack(matrix, d.depth, d.columns, filter);
        packed = matrix;
      }
      const T *rows = a + i * d.strides_a[0] + j * d.strides_a[1];
      espdl::in_slices(conv, rows, y, dl::base::conv2d<T, int32_t, Sum>);
    }
  }
}

}  // namespace

#ifndef ESPDL_WITHOUT_S8
extern "C" void espdl_matmul_s8(const espdl_matmul_t *d, const int8_t *a, const int8_t *b,
                                int8_t *y, void *workspace) {
  matmul<int8_t, int32_t>(*d, a, b, y, static_cast<int8_t *>(workspace));
}
#endif

#ifndef ESPDL_WITHOUT_S16
extern "C" void espdl_matmul_s16(const espdl_matmul_t *d, const int16_t *a, const int16_t *b,
                                 int16_t *y, void *workspace) {
  matmul<int16_t, int64_t>(*d, a, b, y, static_cast<int16_t *>(workspace));
}
#endif
