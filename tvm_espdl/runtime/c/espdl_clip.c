/*
 * clip: y = saturate(round(min(max(x, low), high) * scale)), limits at the input's exponent.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_clip.hpp.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* The descriptor is copied, for the compiler has to expect that a store to y changes it. */
#define ESPDL_DEFINE_CLIP(suffix, type)                                                \
  void espdl_clip_##suffix(const espdl_clip_t *d, const type *x, type *y) {            \
    const espdl_clip_t own = *d;                                                       \
    for (int32_t i = 0; i < own.size; ++i) {                                           \
      const int32_t raised = x[i] < own.low ? own.low : x[i];                          \
      const float scaled = (float)(raised > own.high ? own.high : raised) * own.scale; \
      y[i] = espdl_saturate_##suffix(espdl_round(scaled, own.half_even));              \
    }                                                                                  \
  }

ESPDL_DEFINE_CLIP(s8, int8_t)
ESPDL_DEFINE_CLIP(s16, int16_t)
