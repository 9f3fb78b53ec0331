/*
 * lstm: a layer of long short-term memory, float32 behind its dot products, cells in 16 bits.
 *
 * Source: ESP-DL dl/module/include/dl_module_lstm.hpp; rows of the weights in the order input,
 * output, forget, cell.
 */
#include <string.h>

#include "espdl_gates.h"

#define ESPDL_DEFINE_LSTM(suffix, type, wide)                                                \
  ESPDL_DEFINE_SUMS_OF_GATES(suffix, type, wide, 4)                                          \
                                                                                             \
  /* One step: h and c from the vector, h and c before. */                                   \
  static void step_##suffix(const espdl_recurrent_t *d, int32_t direction, const type *x,    \
                            type *h, int16_t *c, int16_t *sums) {                            \
    const int32_t n = d->hidden_size;                                                        \
    const int16_t *b = d->b + direction * 8 * n;                                             \
    int16_t *of_h = sums + 4 * n;                                                            \
    sums_of_gates_##suffix(d, direction, x, h, sums);                                        \
    for (int32_t i = 0; i < 4 * n; ++i) {                                                    \
      sums[i] = espdl_wrap_s16(sums[i] + b[i] + of_h[i] + b[4 * n + i]);                     \
    }                                                                                        \
    for (int32_t i = 0; i < n; ++i) {                                                        \
      const float forgotten = espdl_table_sigmoid(d, sums[2 * n + i]) * (float)c[i];         \
      const float added = espdl_table_sigmoid(d, sums[i]) *                                  \
                          espdl_table_tanh(d, sums[3 * n + i]) * d->cell_scale;              \
      c[i] = espdl_wrap_s16(espdl_round(forgotten + added, d->half_even));                   \
      const float shown =                                                                    \
          espdl_table_sigmoid(d, sums[n + i]) * espdl_table_tanh(d, c[i]) * d->hidden_scale; \
      h[i] = espdl_saturate_##suffix(espdl_round(shown, d->half_even));                      \
    }                                                                                        \
  }                                                                                          \
                                                                                             \
  void espdl_lstm_##suffix(const espdl_recurrent_t *d, const type *x, const type *h,         \
                           const int16_t *c, void *y, void *workspace) {                     \
    const int32_t n = d->hidden_size;                                                        \
    const size_t state = (size_t)n * sizeof(type);                                           \
    type *hidden = y;                                                                        \
    int16_t *cells = y;                                                                      \
    int16_t *sums = workspace;                                                               \
    int16_t *cell = sums + 8 * n;                                                            \
    type *now = (type *)(void *)(cell + n);                                                  \
    for (int32_t k = 0; k < d->directions; ++k) {                                            \
      memcpy(now, h + k * n, state);                                                         \
      memcpy(cell, c + k * n, (size_t)n * sizeof(int16_t));                                  \
      for (int32_t s = 0; s < d->steps; ++s) {                                               \
        const int32_t t = k == 0 ? s : d->steps - 1 - s;                                     \
        step_##suffix(d, k, x + t * d->input_size, now, cell, sums);                         \
        if (d->gives == ESPDL_GIVES_ALL) {                                                   \
          memcpy(hidden + (t * d->directions + k) * n, now, state);                          \
        }                                                                                    \
      }                                                                                      \
      if (d->gives == ESPDL_GIVES_LAST) {                                                    \
        memcpy(hidden + k * n, now, state);                                                  \
      } else if (d->gives == ESPDL_GIVES_CELLS) {                                            \
        memcpy(cells + k * n, cell, (size_t)n * sizeof(int16_t));                            \
      }                                                                                      \
    }                                                                                        \
  }

ESPDL_DEFINE_LSTM(s8, int8_t, int32_t)
ESPDL_DEFINE_LSTM(s16, int16_t, int64_t)
