/*
 * copy: the same bytes in another place, for a reshape whose memory may not be shared.
 *
 * Semantics: "Data movement, resize, reduce"; ESP-DL dl/module/include/dl_module_reshape.hpp.
 */
#include <string.h>

#include "espdl_kernels.h"

void espdl_copy(const espdl_copy_t *d, const void *x, void *y) {
  memmove(y, x, (size_t)d->bytes);
}
