/*
 * reverse_sequence: the first steps of each sequence in reverse order, the others as they are.
 *
 * Semantics: "Data movement"; ESP-DL dl/module/include/dl_module_reverse_sequence.hpp.
 */
#include "espdl_kernels.h"

#define ESPDL_DEFINE_REVERSE_SEQUENCE(suffix, type)                                      \
  void espdl_reverse_sequence_##suffix(const espdl_reverse_sequence_t *d, const type *x, \
                                       type *y) {                                        \
    for (int32_t b = 0; b < d->sequences; ++b) {                                         \
      const int32_t length = d->lengths[b];                                              \
      for (int32_t t = 0; t < d->steps; ++t) {                                           \
        const int32_t source = t < length ? length - 1 - t : t;                          \
        const type *from = x + b * d->sequence_stride + source * d->step_stride;         \
        type *to = y + b * d->sequence_stride + t * d->step_stride;                      \
        for (int32_t i = 0; i < d->features; ++i) {                                      \
          to[i] = from[i];                                                               \
        }                                                                                \
      }                                                                                  \
    }                                                                                    \
  }

ESPDL_DEFINE_REVERSE_SEQUENCE(s8, int8_t)
ESPDL_DEFINE_REVERSE_SEQUENCE(s16, int16_t)
