/*
 * matmul: products of computed matrices, batch by batch, each as the 1x1 convolution that ESP-DL
 * makes of it: the same registers, the same order of products.
 *
 * Semantics: "Conv2d, depthwise conv, Gemm, MatMul"; ESP-DL dl/module/include/dl_module_matmul.hpp.
 */
#include <stdbool.h>
#include <stddef.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* Columns that are computed together, to read the second factor along its rows. */
#define TOGETHER 8

/* A sum register: its width, and the products between two clamps. */
typedef struct {
  int32_t bits;
  int32_t per_clamp;
} espdl_register_t;

static espdl_register_t register_of(const espdl_matmul_t *d, bool in_lanes) {
  const espdl_register_t lane = {d->lane_bits, d->lane_products_per_clamp};
  const espdl_register_t rest = {d->rest_bits, d->rest_products_per_clamp};
  return in_lanes ? lane : rest;
}

/* Whether no sum can leave the register, so that no clamp is ever needed. */
static bool always_fits(const espdl_matmul_t *d, espdl_register_t sums, int32_t value_bits) {
  const int64_t largest = (int64_t)d->depth << (2 * value_bits - 2);
  return sums.per_clamp == 0 || largest <= espdl_highest(sums.bits);
}

static int64_t finish(const espdl_matmul_t *d, espdl_register_t sums, int64_t sum) {
  if (sums.per_clamp == 0 && sums.bits == 32) {
    sum = (int32_t)(uint32_t)(uint64_t)sum; /* a 32-bit register without clamps has wrapped */
  }
  const int64_t rounded = espdl_shift_and_round(sum, d->shift, d->half_even);
  return d->relu && rounded < 0 ? 0 : rounded;
}

static void clamp_all(int64_t *sums, int32_t count, int32_t bits) {
  const int64_t highest = espdl_highest(bits);
  for (int32_t i = 0; i < count; ++i) {
    sums[i] = espdl_clamp(sums[i], -1 - highest, highest);
  }
}

/* Some columns of one row of the result: at most TOGETHER, all in vectors or none. */
#define ESPDL_DEFINE_MATMUL(suffix, type, value_bits)                                         \
  static void columns_##suffix(const espdl_matmul_t *d, const type *a, const type *b,         \
                               int32_t count, espdl_register_t kept, type *y) {               \
    const bool fits = always_fits(d, kept, value_bits);                                       \
    int64_t sums[TOGETHER] = {0};                                                             \
    for (int32_t k = 0; k < d->depth; ++k, b += d->columns) {                                 \
      for (int32_t i = 0; i < count; ++i) {                                                   \
        sums[i] += (int32_t)a[k] * b[i];                                                      \
      }                                                                                       \
      if (!fits && ((k + 1) % kept.per_clamp == 0 || k + 1 == d->depth)) {                    \
        clamp_all(sums, count, kept.bits);                                                    \
      }                                                                                       \
    }                                                                                         \
    for (int32_t i = 0; i < count; ++i) {                                                     \
      y[i] = espdl_saturate_##suffix(finish(d, kept, sums[i]));                               \
    }                                                                                         \
  }                                                                                           \
                                                                                              \
  static void matrices_##suffix(const espdl_matmul_t *d, const type *a, const type *b,        \
                                type *y) {                                                    \
    for (int32_t row = 0; row < d->rows; ++row, a += d->depth, y += d->columns) {             \
      for (int32_t n = 0; n < d->columns;) {                                                  \
        const bool in_lanes = n < d->columns_in_lanes;                                        \
        const int32_t left = (in_lanes ? d->columns_in_lanes : d->columns) - n;               \
        const int32_t count = left < TOGETHER ? left : TOGETHER;                              \
        columns_##suffix(d, a, b + n, count, register_of(d, in_lanes), y + n);                \
        n += count;                                                                           \
      }                                                                                       \
    }                                                                                         \
  }                                                                                           \
                                                                                              \
  void espdl_matmul_##suffix(const espdl_matmul_t *d, const type *a, const type *b, type *y, \
                             void *workspace) {                                               \
    (void)workspace; /* this kernel needs none, ESP-DL's packs the second factor there */     \
    for (int32_t i = 0; i < d->batches[0]; ++i) {                                             \
      for (int32_t j = 0; j < d->batches[1]; ++j, y += d->rows * d->columns) {                \
        const type *from_a = a + i * d->strides_a[0] + j * d->strides_a[1];                   \
        const type *from_b = b + i * d->strides_b[0] + j * d->strides_b[1];                   \
        matrices_##suffix(d, from_a, from_b, y);                                              \
      }                                                                                       \
    }                                                                                         \
  }

ESPDL_S8(ESPDL_DEFINE_MATMUL(s8, int8_t, 8))
ESPDL_S16(ESPDL_DEFINE_MATMUL(s16, int16_t, 16))
