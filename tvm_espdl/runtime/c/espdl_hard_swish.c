/*
 * hard_swish: y = x * min(max(0.166667 * x + 0.5, 0), 1), in double precision.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_hard_swish.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  (void)d;
  const double wide = (double)real;
  const double line = 0.166667 * wide + 0.5;
  return (float)((line > 1.0 ? 1.0 : line > 0.0 ? line : 0.0) * wide);
}

ESPDL_DEFINE_FUNCTIONS(hard_swish, function)
