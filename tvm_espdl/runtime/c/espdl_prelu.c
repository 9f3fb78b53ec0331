/*
 * prelu: y = x for x > 0, else x * alpha[channel] shifted to the output's exponent.
 *
 * Semantics: "Activations"; ESP-DL dl/base/dl_base_prelu.cpp and dl/base/isa. Which chip rounds,
 * saturates or wraps stands in the descriptor.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

static int64_t shifted_down(int32_t product, int32_t shift) {
  return shift > 0 ? product >> (shift > 31 ? 31 : shift) : espdl_shift_left(product, -shift);
}

static int64_t below(const espdl_prelu_t *d, int32_t product) {
  return d->rounds ? espdl_shift_and_round(product, d->shift, d->half_even)
                   : shifted_down(product, d->shift);
}

/* `unsigned_type` takes the low bits of what wraps around. */
#define ESPDL_DEFINE_PRELU(suffix, type, unsigned_type)                       \
  void espdl_prelu_##suffix(const espdl_prelu_t *d, const type *x, type *y) { \
    const espdl_prelu_t own = *d;                                             \
    const type *alpha = own.alpha;                                            \
    for (int32_t i = 0; i < own.pixels; ++i) {                                \
      for (int32_t c = 0; c < own.channels; ++c, ++x, ++y) {                  \
        int64_t value;                                                        \
        if (*x > 0) {                                                         \
          value = espdl_shift_and_round(*x, own.change, own.half_even);       \
        } else {                                                              \
          value = below(&own, (int32_t)*x * (int32_t)alpha[c]);               \
          value = own.wraps ? (type)(unsigned_type)value : value;             \
        }                                                                     \
        *y = espdl_saturate_##suffix(value);                                  \
      }                                                                       \
    }                                                                         \
  }

ESPDL_S8(ESPDL_DEFINE_PRELU(s8, int8_t, uint8_t))
ESPDL_S16(ESPDL_DEFINE_PRELU(s16, int16_t, uint16_t))
