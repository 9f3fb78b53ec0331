/*
 * reduce_min: the smallest element along some axes.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reduce_min.hpp.
 */
#include "espdl_reduce.h"

#define JOINED(d, best, element) ((element) < (best) ? (element) : (best))
#define FINISHED(d, best) (best)

ESPDL_DEFINE_REDUCE(min, s8, int8_t, int8_t, INT8_MAX, JOINED, FINISHED)
ESPDL_DEFINE_REDUCE(min, s16, int16_t, int16_t, INT16_MAX, JOINED, FINISHED)
