/*
 * space_to_depth: blocks of pixels become blocks of channels; the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_space_to_depth.hpp.
 */
#include "espdl_strided.h"

ESPDL_DEFINE_STRIDED(space_to_depth, s8, int8_t)
ESPDL_DEFINE_STRIDED(space_to_depth, s16, int16_t)
