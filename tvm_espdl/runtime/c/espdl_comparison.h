/*
 * Kernels that compare two broadcast inputs; included by espdl_kernels.h, whose conventions hold.
 * A result is 0 or 1.
 */
#ifndef ESPDL_COMPARISON_H
#define ESPDL_COMPARISON_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The function `name` that gives `a operation b` for each element; the output overlaps no input.
 */
#define ESPDL_DEFINE_COMPARISON(name, type, operation)                        \
  void name(const espdl_binary_t *d, const type *a, const type *b, bool *y) { \
    const int32_t *n = d->extents;                                            \
    const int32_t *s = d->strides_a;                                          \
    const int32_t *t = d->strides_b;                                          \
    for (int32_t i = 0; i < n[0]; ++i) {                                      \
      for (int32_t j = 0; j < n[1]; ++j) {                                    \
        for (int32_t k = 0; k < n[2]; ++k) {                                  \
          const type *row_a = a + i * s[0] + j * s[1] + k * s[2];             \
          const type *row_b = b + i * t[0] + j * t[1] + k * t[2];             \
          for (int32_t l = 0; l < n[3]; ++l) {                                \
            *y++ = row_a[l * s[3]] operation row_b[l * t[3]];                 \
          }                                                                   \
        }                                                                     \
      }                                                                       \
    }                                                                         \
  }

#define ESPDL_DEFINE_COMPARISONS(name, operation)               \
  ESPDL_DEFINE_COMPARISON(espdl_##name##_s8, int8_t, operation) \
  ESPDL_DEFINE_COMPARISON(espdl_##name##_s16, int16_t, operation)

void espdl_equal_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, bool *y);
void espdl_equal_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, bool *y);
void espdl_greater_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, bool *y);
void espdl_greater_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, bool *y);
void espdl_greater_equal_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, bool *y);
void espdl_greater_equal_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, bool *y);
void espdl_less_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, bool *y);
void espdl_less_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, bool *y);
void espdl_less_equal_s8(const espdl_binary_t *d, const int8_t *a, const int8_t *b, bool *y);
void espdl_less_equal_s16(const espdl_binary_t *d, const int16_t *a, const int16_t *b, bool *y);

#ifdef __cplusplus
}
#endif

#endif
