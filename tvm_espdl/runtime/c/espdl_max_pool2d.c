/*
 * max_pool2d: the largest value of each window inside the image; padding never wins.
 *
 * Semantics: "Pooling"; ESP-DL dl/base/dl_base_max_pool2d.cpp. Exponents are not read: the
 * compiler only lets equal ones through.
 */
#include "espdl_window.h"

#define MOST(i) most_##i = values[i] > most_##i ? values[i] : most_##i;

#define ESPDL_DEFINE_MAX_POOL(suffix, type, lowest)                                   \
  static void one_##suffix(const espdl_pool_t *d, const espdl_inside_t *inside,       \
                           const type *x, type *y) {                                  \
    int32_t most_0 = lowest;                                                          \
    (void)d;                                                                          \
    ESPDL_OVER_WINDOW(type, inside, x, MOST(0))                                       \
    *y = (type)most_0;                                                                \
  }                                                                                   \
                                                                                      \
  static void four_##suffix(const espdl_pool_t *d, const espdl_inside_t *inside,      \
                            const type *x, type *y) {                                 \
    int32_t most_0 = lowest, most_1 = lowest, most_2 = lowest, most_3 = lowest;       \
    (void)d;                                                                          \
    ESPDL_OVER_WINDOW(type, inside, x, MOST(0) MOST(1) MOST(2) MOST(3))               \
    y[0] = (type)most_0;                                                              \
    y[1] = (type)most_1;                                                              \
    y[2] = (type)most_2;                                                              \
    y[3] = (type)most_3;                                                              \
  }                                                                                   \
                                                                                      \
  ESPDL_POOL(max_pool2d, suffix, type)

ESPDL_S8(ESPDL_DEFINE_MAX_POOL(s8, int8_t, INT8_MIN))
ESPDL_S16(ESPDL_DEFINE_MAX_POOL(s16, int16_t, INT16_MIN))
