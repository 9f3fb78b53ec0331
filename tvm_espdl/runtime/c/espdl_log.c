/*
 * log: y = ln(x); zero gives the smallest integer, a negative value the largest.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_log.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  (void)d;
  if (real > 0.0f) {
    return (float)log((double)real);
  }
  return real < 0.0f ? NAN : -INFINITY;
}

ESPDL_DEFINE_FUNCTIONS(log, function)
