/*
 * reduce_max: the largest element along some axes.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reduce_max.hpp.
 */
#include "espdl_reduce.h"

#define JOINED(d, best, element) ((element) > (best) ? (element) : (best))
#define FINISHED(d, best) (best)

ESPDL_DEFINE_REDUCE(max, s8, int8_t, int8_t, INT8_MIN, JOINED, FINISHED)
ESPDL_DEFINE_REDUCE(max, s16, int16_t, int16_t, INT16_MIN, JOINED, FINISHED)
