/*
 * scatter_nd: a copy of the data in which slices are replaced by, or combined with, updates, one
 * after the other.
 *
 * Semantics: "Data movement"; ESP-DL dl/module/include/dl_module_scatter_nd.hpp. Sums and products
 * saturate and are not shifted.
 */
#include "espdl_arithmetic.h"
#include "espdl_kernels.h"

static int32_t reduced(int32_t reduction, int32_t current, int32_t update) {
  switch (reduction) {
    case ESPDL_SCATTER_ADD:
      return current + update;
    case ESPDL_SCATTER_MUL:
      return current * update;
    case ESPDL_SCATTER_MAX:
      return current > update ? current : update;
    case ESPDL_SCATTER_MIN:
      return current < update ? current : update;
    default:
      return update;
  }
}

#define ESPDL_DEFINE_SCATTER_ND(suffix, type)                                            \
  void espdl_scatter_nd_##suffix(const espdl_scatter_nd_t *d, const type *data,          \
                                 const type *updates, type *y) {                         \
    for (int32_t i = 0; i < d->size; ++i) {                                              \
      y[i] = data[i];                                                                    \
    }                                                                                    \
    for (int32_t n = 0; n < d->slices; ++n, updates += d->slice_size) {                  \
      type *slice = y + d->places[n];                                                    \
      for (int32_t i = 0; i < d->slice_size; ++i) {                                      \
        slice[i] = espdl_saturate_##suffix(reduced(d->reduction, slice[i], updates[i])); \
      }                                                                                  \
    }                                                                                    \
  }

ESPDL_DEFINE_SCATTER_ND(s8, int8_t)
ESPDL_DEFINE_SCATTER_ND(s16, int16_t)
