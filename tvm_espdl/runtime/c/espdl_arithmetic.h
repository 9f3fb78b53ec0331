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

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Far outside of every integer type that results have, far inside of what int32 holds. */
#define ESPDL_FLOAT_LIMIT 65536

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
  const int32_t halves = value >> (shift - 1);
  const int32_t rounded = (halves >> 1) + (halves & 1);
  const bool tie = (halves & 1) != 0 && (value & (((int32_t)1 << (shift - 1)) - 1)) == 0;
  return half_even && tie ? rounded & ~1 : rounded;
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
  const int64_t halves = value >> (right - 1);
  const int64_t rounded = (halves >> 1) + (halves & 1);
  const bool tie = (halves & 1) != 0 && halves * ((int64_t)1 << (right - 1)) == value;
  return half_even && tie ? rounded & ~(int64_t)1 : rounded;
}

/* As espdl_shift_and_round, limited to +-ESPDL_FLOAT_LIMIT. */
static inline int32_t espdl_shift_limited(int32_t value, int32_t shift, int32_t half_even) {
  const int64_t shifted = espdl_shift_and_round(value, shift, half_even);
  return (int32_t)espdl_clamp(shifted, -ESPDL_FLOAT_LIMIT, ESPDL_FLOAT_LIMIT);
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

/* The power of two that a positive scale is; -127 for a denormal one. */
static inline int32_t espdl_power_of(float scale) {
  uint32_t bits;
  memcpy(&bits, &scale, sizeof bits);
  return (int32_t)(bits >> 23) - 127;
}

/*
 * value * 2^power for a power up to 125, rounded to nearest and limited to +-ESPDL_FLOAT_LIMIT; NaN
 * gives the positive limit.
 *
 * It is computed from the float's bits: most chips have no unit for floats, and the result depends
 * on no processor's mode. Half up is floor((float)((double)value + 0.5)) on the chip, which differs
 * from the real sum for one number: the largest one below 0.5 gives 1.
 */
static inline int32_t espdl_round_scaled(float value, int32_t power, int32_t half_even) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const bool negative = bits >> 31 != 0;
  const int32_t fraction = (int32_t)(bits & 0x7fffff);
  const int32_t biased = (int32_t)(bits >> 23 & 255);
  const int32_t exponent = biased - 127 + power;
  if (biased == 0 || exponent < -1) {
    return !half_even && !negative && exponent == -2 && fraction == 0x7fffff;
  }
  if (biased == 255 || exponent >= 16) {
    const bool is_number = biased != 255 || fraction == 0;
    return negative && is_number ? -ESPDL_FLOAT_LIMIT : ESPDL_FLOAT_LIMIT;
  }
  const int32_t magnitude = fraction | 0x800000;
  return espdl_shift_and_round_narrow(negative ? -magnitude : magnitude, 23 - exponent, half_even);
}

/* A float rounded to nearest and limited to +-ESPDL_FLOAT_LIMIT; NaN gives the positive limit. */
static inline int32_t espdl_round(float value, int32_t half_even) {
  return espdl_round_scaled(value, 0, half_even);
}

#endif
