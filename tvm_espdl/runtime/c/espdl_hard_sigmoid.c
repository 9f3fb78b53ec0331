/*
 * hard_sigmoid: y = min(max(alpha * x + beta, 0), 1).
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_hard_sigmoid.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  const float line = d->alpha * real + d->beta;
  return line > 1.0f ? 1.0f : line > 0.0f ? line : 0.0f;
}

ESPDL_DEFINE_FUNCTIONS(hard_sigmoid, function)
