/*
 * sqrt: y = the square root of x; a negative value gives the largest integer.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_sqrt.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  (void)d;
  return real < 0.0f ? NAN : sqrtf(real);
}

ESPDL_DEFINE_FUNCTIONS(sqrt, function)
