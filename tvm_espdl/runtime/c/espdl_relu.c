/*
 * relu: y = saturate(round(max(x, 0) * scale)); a scale of 1 leaves the integers as they are.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_relu.hpp.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* The descriptor is copied, for the compiler has to expect that a store to y changes it. */
#define ESPDL_DEFINE_RELU(suffix, type)                                        \
  void espdl_relu_##suffix(const espdl_rescale_t *d, const type *x, type *y) { \
    const espdl_rescale_t own = *d;                                            \
    const int unscaled = !(own.scale < 1.0f || own.scale > 1.0f);              \
    for (int32_t i = 0; i < own.size; ++i) {                                   \
      const type positive = x[i] > 0 ? x[i] : 0;                               \
      if (unscaled) {                                                          \
        y[i] = positive;                                                       \
        continue;                                                              \
      }                                                                        \
      const float scaled = (float)positive * own.scale;                        \
      y[i] = espdl_saturate_##suffix(espdl_round(scaled, own.half_even));      \
    }                                                                          \
  }

ESPDL_DEFINE_RELU(s8, int8_t)
ESPDL_DEFINE_RELU(s16, int16_t)
