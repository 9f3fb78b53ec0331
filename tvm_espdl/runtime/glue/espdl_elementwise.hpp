/*
 * ESP-DL's block of two broadcast inputs, from their descriptor (ESP-DL
 * dl/base/dl_base_elemwise.cpp, get_elemwise_operation_args).
 *
 * The descriptor's dimensions are merged as ESP-DL merges them, which decides how a product is
 * rounded: by a vector kernel where the last one is as long as a vector, else in float.
 */
#ifndef ESPDL_ELEMENTWISE_HPP
#define ESPDL_ELEMENTWISE_HPP

#include <string.h>

#include "espdl_glue.hpp"

namespace espdl {

/* How far ESP-DL's pointer has to go on after the loop over the next inner dimension. */
inline int step_after(const int32_t *extents, const int32_t *strides, int dimension) {
  return strides[dimension] - extents[dimension + 1] * strides[dimension + 1];
}

/* `Descriptor` is espdl_binary_t, or another one that begins with its dimensions. */
template <typename T, typename Y, typename Descriptor>
dl::base::elemwiseArgsType<T, Y> elementwise(const Descriptor &d, const T *a, const T *b, Y *y) {
  constexpr int lanes = kLanes<T>;
  const int32_t *n = d.extents;
  const int32_t *s = d.strides_a;
  const int32_t *t = d.strides_b;
  const int vectors = n[3] / lanes;

  dl::base::elemwiseArgsType<T, Y> args = {};
  args.input0_element = unconst(a);
  args.input1_element = unconst(b);
  args.output_element = y;
  args.dims = d.rank;
  args.input0_d0 = s[3] == 0 ? 1 : n[3];
  args.input0_d1_stride = s[2];
  args.input0_d2_stride = step_after(n, s, 1);
  args.input0_d3_stride = step_after(n, s, 0);
  args.input1_d0 = t[3] == 0 ? 1 : n[3];
  args.input1_d1_stride = t[2];
  args.input1_d2_stride = step_after(n, t, 1);
  args.input1_d3_stride = step_after(n, t, 0);
  args.output_d0 = n[3];
  args.output_d1 = n[2];
  args.output_d2 = n[1];
  args.output_d3 = n[0];
  args.c_div_x_1 = vectors - 1;
  args.c_div_2x_1 = vectors >= 2 ? vectors / 2 - 1 : 0;
  args.c_left_x_1 = vectors - 2 * args.c_div_2x_1 - 1;
  args.c_remainder = n[3] % lanes * static_cast<int>(sizeof(T));
  args.compare_mask = 1;
  return args;
}

/* Negative results become 0: four bytes at a time, for a result begins where a vector does. */
template <typename T>
void relu(T *y, int size) {
  constexpr int together = 4 / static_cast<int>(sizeof(T));
  constexpr uint32_t ones = sizeof(T) == 1 ? 0x01010101 : 0x00010001;
  constexpr int bits = 8 * static_cast<int>(sizeof(T));
  int i = 0;
  for (; i + together <= size; i += together) {
    void *four = __builtin_assume_aligned(y + i, sizeof(uint32_t));
    uint32_t word;
    memcpy(&word, four, sizeof word);
    const uint32_t negative = word >> (bits - 1) & ones;
    word &= ~((negative << bits) - negative);
    memcpy(four, &word, sizeof word);
  }
  for (; i < size; ++i) {
    y[i] = y[i] < 0 ? T(0) : y[i];
  }
}

template <typename Descriptor>
int size_of(const Descriptor &d) {
  return d.extents[0] * d.extents[1] * d.extents[2] * d.extents[3];
}

}  // namespace espdl

#endif
