/*
 * transpose: the axes change places, the elements stay as they are.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_transpose.hpp.
 */
#include "espdl_strided.h"

ESPDL_DEFINE_STRIDED_OF(transpose, espdl_transpose_t, 0, s8, int8_t)
ESPDL_DEFINE_STRIDED_OF(transpose, espdl_transpose_t, 0, s16, int16_t)
ESPDL_DEFINE_STRIDED_OF(transpose, espdl_transpose_t, 0, f32, float)
