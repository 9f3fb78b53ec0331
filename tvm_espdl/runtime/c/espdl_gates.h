/*
 * What recurrent layers compute their gates with: dot products to 16 bits, tables of sigmoid and
 * tanh (ESP-DL dl/base/dl_base_dotprod.cpp, dl/math/include/dl_math.hpp).
 */
#ifndef ESPDL_GATES_H
#define ESPDL_GATES_H

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* A sum of products at the gates' exponent. */
static inline int16_t espdl_gate_sum(int64_t sum, int32_t shift, int32_t integers,
                                     int32_t half_even) {
  if (integers) {
    return espdl_saturate_s16(espdl_shift_and_round(sum, shift, half_even));
  }
  const float scale =
      shift > 0 ? 1.0f / (float)((int32_t)1 << shift) : (float)((int32_t)1 << -shift);
  return espdl_saturate_s16(espdl_round((float)sum * scale, half_even));
}

/* The low 16 bits of a sum. */
static inline int16_t espdl_wrap_s16(int32_t value) {
  return (int16_t)(uint16_t)value;
}

static inline float espdl_table_sigmoid(const espdl_recurrent_t *d, int32_t index) {
  const int32_t size = index < 0 ? -index : index;
  const float found = d->sigmoid[size < d->sigmoid_last ? size : d->sigmoid_last];
  return index < 0 ? 1.0f - found : found;
}

static inline float espdl_table_tanh(const espdl_recurrent_t *d, int32_t index) {
  const int32_t size = index < 0 ? -index : index;
  const float found = d->tanh[size < d->tanh_last ? size : d->tanh_last];
  return index < 0 ? -found : found;
}

/* sums[i] = row i of the matrix times the vector. */
#define ESPDL_DEFINE_GATE_SUMS(suffix, type, wide)                                     \
  static void gate_sums_##suffix(const type *matrix, const type *vector, int32_t rows, \
                                 int32_t length, int32_t shift, int32_t integers,      \
                                 int32_t half_even, int16_t *sums) {                   \
    for (int32_t i = 0; i < rows; ++i) {                                               \
      wide sum = 0;                                                                    \
      for (int32_t k = 0; k < length; ++k) {                                           \
        sum += (int32_t)matrix[k] * vector[k];                                         \
      }                                                                                \
      sums[i] = espdl_gate_sum(sum, shift, integers, half_even);                       \
      matrix += length;                                                                \
    }                                                                                  \
  }

/* The sums of all gates, from the vector and then from the hidden state, for one direction. */
#define ESPDL_DEFINE_SUMS_OF_GATES(suffix, type, wide, gates)                                     \
  ESPDL_DEFINE_GATE_SUMS(suffix, type, wide)                                                      \
                                                                                                  \
  static void sums_of_gates_##suffix(const espdl_recurrent_t *d, int32_t direction,               \
                                     const type *x, const type *h, int16_t *sums) {               \
    const int32_t rows = (gates) * d->hidden_size;                                                \
    const type *w = (const type *)d->w + direction * rows * d->input_size;                        \
    const type *r = (const type *)d->r + direction * rows * d->hidden_size;                       \
    gate_sums_##suffix(w, x, rows, d->input_size, d->w_shift, d->w_integers, d->half_even, sums); \
    gate_sums_##suffix(r, h, rows, d->hidden_size, d->r_shift, d->r_integers, d->half_even,       \
                       sums + rows);                                                              \
  }

#endif
