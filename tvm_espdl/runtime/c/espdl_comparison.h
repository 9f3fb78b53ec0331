/*
 * The kernels that compare two broadcast inputs, from
 * `static inline bool function(const descriptor *d, int32_t a, int32_t b)`. A result is 0 or 1; the
 * output overlaps no input.
 */
#ifndef ESPDL_COMPARISON_H
#define ESPDL_COMPARISON_H

#include <stdbool.h>

#include "espdl_broadcast.h"

#define ESPDL_TRUTH(suffix, d, a, b) function(d, a, b)
#define ESPDL_DEFINE_COMPARISON(name, descriptor)                            \
  ESPDL_S8(ESPDL_BROADCAST(name, descriptor, s8, int8_t, bool, ESPDL_TRUTH)) \
  ESPDL_S16(ESPDL_BROADCAST(name, descriptor, s16, int16_t, bool, ESPDL_TRUTH))

#endif
