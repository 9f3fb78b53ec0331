/*
 * add: y = activation(saturate(a + b)) with broadcasting.
 *
 * Semantics: "Element-wise"; ESP-DL dl/base/dl_base_add.cpp and dl_base_elemwise.cpp. Exponents
 * are not read: the compiler only lets equal ones through.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

#define ESPDL_DEFINE_ADD(suffix, type)                                                       \
  static void row_##suffix(const espdl_binary_t *d, const type *a, const type *b, type *y) { \
    const int32_t step_a = d->strides_a[ESPDL_BROADCAST_RANK - 1];                           \
    const int32_t step_b = d->strides_b[ESPDL_BROADCAST_RANK - 1];                           \
    const int32_t extent = d->extents[ESPDL_BROADCAST_RANK - 1];                             \
    const int32_t lowest = d->relu ? 0 : INT32_MIN;                                          \
    for (int32_t i = 0; i < extent; ++i, a += step_a, b += step_b) {                         \
      const int32_t sum = *a + *b;                                                           \
      y[i] = espdl_saturate_##suffix(sum < lowest ? lowest : sum);                           \
    }                                                                                        \
  }                                                                                          \
                                                                                             \
  void espdl_add_##suffix(const espdl_binary_t *d, const type *a, const type *b, type *y) {  \
    const int32_t *n = d->extents;                                                           \
    const int32_t *s = d->strides_a;                                                         \
    const int32_t *t = d->strides_b;                                                         \
    for (int32_t i = 0; i < n[0]; ++i) {                                                     \
      for (int32_t j = 0; j < n[1]; ++j) {                                                   \
        for (int32_t k = 0; k < n[2]; ++k, y += n[3]) {                                      \
          const int32_t at_a = i * s[0] + j * s[1] + k * s[2];                               \
          const int32_t at_b = i * t[0] + j * t[1] + k * t[2];                               \
          row_##suffix(d, a + at_a, b + at_b, y);                                            \
        }                                                                                    \
      }                                                                                      \
    }                                                                                        \
  }

ESPDL_DEFINE_ADD(s8, int8_t)
ESPDL_DEFINE_ADD(s16, int16_t)
