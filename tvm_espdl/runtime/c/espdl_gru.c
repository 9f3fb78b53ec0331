/*
 * gru: a layer of gated recurrent units, float32 behind its dot products.
 *
 * Source: ESP-DL dl/module/include/dl_module_gru.hpp; rows of the weights in the order update,
 * reset, new.
 */
#include <string.h>

#include "espdl_gates.h"

#define ESPDL_DEFINE_GRU(suffix, type, wide)                                                 \
  ESPDL_DEFINE_SUMS_OF_GATES(suffix, type, wide, 3)                                          \
                                                                                             \
  /* One step: h from the vector and h before. */                                            \
  static void step_##suffix(const espdl_recurrent_t *d, int32_t direction, const type *x,    \
                            type *h, int16_t *sums) {                                        \
    const int32_t n = d->hidden_size;                                                        \
    const int16_t *b = d->b + direction * 6 * n;                                             \
    int16_t *of_h = sums + 3 * n;                                                            \
    sums_of_gates_##suffix(d, direction, x, h, sums);                                        \
    for (int32_t i = 0; i < 6 * n; ++i) {                                                    \
      sums[i] = espdl_wrap_s16(sums[i] + b[i]);                                              \
    }                                                                                        \
    for (int32_t i = 0; i < n; ++i) {                                                        \
      const float update = espdl_table_sigmoid(d, sums[i] + of_h[i]);                        \
      const float reset = espdl_table_sigmoid(d, sums[n + i] + of_h[n + i]);                 \
      const float kept = reset * (float)of_h[2 * n + i];                                     \
      const int32_t index = espdl_round((float)sums[2 * n + i] + kept, d->half_even);        \
      const float fresh = (1.0f - update) * espdl_table_tanh(d, index) * d->hidden_scale;    \
      const float old = update * (float)h[i];                                                \
      h[i] = espdl_saturate_##suffix(espdl_round(fresh + old, d->half_even));                \
    }                                                                                        \
  }                                                                                          \
                                                                                             \
  void espdl_gru_##suffix(const espdl_recurrent_t *d, const type *x, const type *h, type *y, \
                          void *workspace) {                                                 \
    const int32_t n = d->hidden_size;                                                        \
    const size_t state = (size_t)n * sizeof(type);                                           \
    int16_t *sums = workspace;                                                               \
    type *now = (type *)(void *)(sums + 6 * n);                                              \
    for (int32_t k = 0; k < d->directions; ++k) {                                            \
      memcpy(now, h + k * n, state);                                                         \
      for (int32_t s = 0; s < d->steps; ++s) {                                               \
        const int32_t t = k == 0 ? s : d->steps - 1 - s;                                     \
        step_##suffix(d, k, x + t * d->input_size, now, sums);                               \
        if (d->gives == ESPDL_GIVES_ALL) {                                                   \
          memcpy(y + (t * d->directions + k) * n, now, state);                               \
        }                                                                                    \
      }                                                                                      \
      if (d->gives == ESPDL_GIVES_LAST) {                                                    \
        memcpy(y + k * n, now, state);                                                       \
      }                                                                                      \
    }                                                                                        \
  }

ESPDL_DEFINE_GRU(s8, int8_t, int32_t)
ESPDL_DEFINE_GRU(s16, int16_t, int64_t)
