/*
 * tanh: y = 2 * sigmoid(2 * x) - 1, as the chip computes it.
 *
 * Semantics: "Activations"; ESP-DL dl/module/include/dl_module_tanh.hpp.
 */
#include "espdl_function.h"

static float function(const espdl_function_t *d, float real) {
  (void)d;
  return 2.0f * espdl_logistic(2.0f * real) - 1.0f;
}

ESPDL_DEFINE_FUNCTIONS(tanh, function)
