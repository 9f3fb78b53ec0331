/*
 * matmul by ESP-DL's conv2d: each matrix of the second factor is laid out as the filter of a 1x1
 * convolution, whose image is a row of the first factor's rows.
 *
 * TABLE
 */
#include <string.h>

#include "espdl_convolution.hpp"

namespace {

/* Copies one vector from an address that is a multiple of `alignment` to one that suits a vector. */
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
  const int full = espdl::kVectors ? columns / espdl::kLanes<T> * espdl::kLanes<T> : 0;
  if (full != 0) {
    const bool in_words = columns * bytes % word == 0 && reinterpret_cast<uintptr_t>(matrix) % word == 0;
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
      auto args = espdl::convolution(conv, a + i * d.strides_a[0] + j * d.strides_a[1], y, false);
      dl::base::conv2d<T, int32_t, Sum>(&args);
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
