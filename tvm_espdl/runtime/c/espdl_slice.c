/*
 * slice: a range with a step along each axis; the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/tensor/src/dl_tensor_base.cpp.
 */
#include "espdl_strided.h"

ESPDL_DEFINE_STRIDED(slice, s8, int8_t)
ESPDL_DEFINE_STRIDED(slice, s16, int16_t)
