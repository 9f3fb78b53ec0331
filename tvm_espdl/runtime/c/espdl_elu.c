/*
 * elu: y = x for x >= 0, else alpha * (e^x - 1).
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_elu.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  return real >= 0.0f ? real : d->alpha * (espdl_exponential(real) - 1.0f);
}

ESPDL_DEFINE_FUNCTIONS(elu, function)
