/*
 * exp: y = e^x; what is too large saturates.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_exp.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  (void)d;
  return espdl_exponential(real);
}

ESPDL_DEFINE_FUNCTIONS(exp, function)
