/*
 * leaky_relu: y = x for x >= 0, else alpha * x.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_leaky_relu.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  return real >= 0.0f ? real : real * d->alpha;
}

ESPDL_DEFINE_FUNCTIONS(leaky_relu, function)
