/*
 * How the chips round, shift and saturate (semantics: "Rounding primitives"; ESP-DL
 * dl/tool/include/dl_tool.hpp and dl/tool/src/dl_tool.cpp).
 *
 * Two things here are implementation-defined in C and what every compiler for these chips does:
 * the right shift of a negative integer is arithmetic, and an unsigned integer that does not fit a
 * signed type is taken modulo 2^n.
 */
#ifndef ESPDL_ARITHMETIC_H
#define ESPDL_ARITHMETIC_H

#include <stdint.h>

/* Far outside of every integer type that results have, far inside of what int32 holds. */
#define ESPDL_FLOAT_LIMIT 65536.0f

static inline int8_t espdl_saturate_s8(int64_t value) {
  return (int8_t)(value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value);
}

static inline int16_t espdl_saturate_s16(int64_t value) {
  return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

/* a + b modulo 2^64, without the undefined behaviour of a signed overflow. */
static inline int64_t espdl_add_wrapping(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t espdl_clamp(int64_t value, int64_t lowest, int64_t highest) {
  return value < lowest ? lowest : value > highest ? highest : value;
}

/* sum + value, clamped. It is written without the sum itself, which may need a 65th bit. */
static inline int64_t espdl_add_clamped(int64_t sum, int64_t value, int64_t lowest,
                                        int64_t highest) {
  if (value > 0) {
    return sum > highest - value ? highest : sum + value;
  }
  return sum < lowest - value ? lowest : sum + value;
}

/* The largest integer of `bits` bits in two's complement; the smallest is -1 minus it. */
static inline int64_t espdl_highest(int32_t bits) {
  return (int64_t)(UINT64_MAX >> (65 - bits));
}

/* value * 2^shift, saturated far outside of every type that results have. */
static inline int64_t espdl_shift_left(int64_t value, int32_t shift) {
  if (value == 0) {
    return 0;
  }
  const int64_t limit = shift > 62 ? 0 : ((int64_t)1 << 62) >> shift;
  if (value >= limit) {
    return INT64_MAX;
  }
  if (value <= -limit) {
    return INT64_MIN;
  }
  return value * ((int64_t)1 << shift);
}

/* As espdl_shift_and_round, for shifts from 1 to 30: 64-bit shifts are slow on these chips. */
static inline int32_t espdl_shift_and_round_narrow(int32_t value, int32_t shift,
                                                   int32_t half_even) {
  const int32_t lower = value >> shift;
  const int32_t above = value & (((int32_t)1 << shift) - 1);
  const int32_t half = (int32_t)1 << (shift - 1);
  /* Half to even takes a tie up only from an odd number. */
  return lower + (above >= half + (half_even & ~lower & 1));
}

/* value / 2^shift rounded to nearest; a shift of 0 or less multiplies. */
static inline int64_t espdl_shift_and_round(int64_t value, int32_t shift, int32_t half_even) {
  if (shift > 0 && shift <= 30 && value == (int32_t)value) {
    return espdl_shift_and_round_narrow((int32_t)value, shift, half_even);
  }
  if (shift <= 0) {
    return espdl_shift_left(value, shift < -63 ? 63 : -shift);
  }
  const int32_t right = shift > 62 ? 62 : shift;
  const int64_t lower = value >> right;
  const int64_t above = value & (((int64_t)1 << right) - 1);
  const int64_t half = (int64_t)1 << (right - 1);
  if (above == half) {
    return lower + (half_even ? (lower & 1) : 1);
  }
  return lower + (above > half);
}

/*
 * The root of a number that is not negative as ESP-DL finds it, by Newton's method until two steps
 * are close (dl/math/include/dl_math.hpp, sqrt_newton); the bound is more than any needs.
 */
static inline float espdl_newton_root(float value) {
  float root = value;
  for (int32_t step = 0; step < 64 && value > 0.0f; ++step) {
    const float last = root;
    root = (last + value / last) * 0.5f;
    if (!(root - last > 0.00001f || root - last < -0.00001f)) {
      break;
    }
  }
  return root;
}

/* Largest integer that is not above `value`, which lies within ESPDL_FLOAT_LIMIT. */
static inline int32_t espdl_floor(float value) {
  const int32_t truncated = (int32_t)value;
  return truncated - ((float)truncated > value);
}

/*
 * A float rounded to nearest and limited to +-ESPDL_FLOAT_LIMIT; NaN gives the positive limit.
 *
 * Half up is floor((float)((double)value + 0.5)) on the chip, so that 0.49999997 gives 1. Adding
 * in float is the same for every value: a double holds more than twice a float's digits and two,
 * which makes rounding twice harmless. The rounding of the half-even form does not depend on the
 * processor's mode.
 */
static inline int32_t espdl_round(float value, int32_t half_even) {
  if (!(value < ESPDL_FLOAT_LIMIT)) {
    return (int32_t)ESPDL_FLOAT_LIMIT;
  }
  if (value < -ESPDL_FLOAT_LIMIT) {
    return -(int32_t)ESPDL_FLOAT_LIMIT;
  }
  if (!half_even) {
    return espdl_floor(value + 0.5f);
  }
  const int32_t lower = espdl_floor(value);
  const float above = value - (float)lower;
  return lower + (above > 0.5f ? 1 : above < 0.5f ? 0 : (lower & 1));
}

#endif
