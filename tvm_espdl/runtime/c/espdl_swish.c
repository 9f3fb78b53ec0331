/*
 * swish: y = x * sigmoid(x).
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_swish.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  (void)d;
  return espdl_logistic(real) * real;
}

ESPDL_DEFINE_FUNCTIONS(swish, function)
