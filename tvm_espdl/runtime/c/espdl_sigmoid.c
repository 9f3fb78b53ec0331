/*
 * sigmoid: y = 1 / (1 + e^-x), the division in double precision.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_sigmoid.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  (void)d;
  return espdl_logistic(real);
}

ESPDL_DEFINE_FUNCTIONS(sigmoid, function)
