/*
 * reduce_sum: y = saturate(round(sum(x) >> shift)), the sum exact.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reduce_sum.hpp.
 */
#include "espdl_reduce.h"

#define FINISHED_S8(d, sum) espdl_saturate_s8(espdl_reduce_shifted(d, sum))
#define FINISHED_S16(d, sum) espdl_saturate_s16(espdl_reduce_shifted(d, sum))
#define JOINED(d, sum, element) joined(sum, element)

static inline int64_t joined(int64_t sum, int32_t element) { return sum + element; }

ESPDL_DEFINE_REDUCE(sum, s8, int8_t, int64_t, 0, JOINED, FINISHED_S8)
ESPDL_DEFINE_REDUCE(sum, s16, int16_t, int64_t, 0, JOINED, FINISHED_S16)
