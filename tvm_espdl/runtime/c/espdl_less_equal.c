/*
 * less_equal: y = a <= b, with broadcasting.
 *
 * Semantics: "Element-wise"; ESP-DL dl/base/dl_base_lessorequal.cpp. Exponents are not read: the
 * compiler only lets equal ones through.
 */
#include "espdl_kernels.h"

ESPDL_DEFINE_COMPARISONS(less_equal, <=)
