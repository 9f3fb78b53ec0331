/*
 * depth_to_space: blocks of channels become blocks of pixels; the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_depth_to_space.hpp.
 */
#include "espdl_strided.h"

ESPDL_DEFINE_STRIDED(depth_to_space, s8, int8_t)
ESPDL_DEFINE_STRIDED(depth_to_space, s16, int16_t)
