/*
 * mod: y = saturate(round(fmodf(a, b))) with broadcasting, on real numbers; 0 where b is 0.
 *
 * Semantics: "Element-wise"; ESP-DL dl/base/dl_base_mod.cpp.
 */
#include <math.h>

#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

/* A real number that comes from an integer by a power of two is 0 only where the integer is. */
static float remainder_of(float a, float b) {
  return b < 0.0f || b > 0.0f ? fmodf(a, b) : 0.0f;
}

ESPDL_DEFINE_REAL_BINARIES(mod, remainder_of)
