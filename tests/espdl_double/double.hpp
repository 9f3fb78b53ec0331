/*
 * What the parts of the double share: how it refuses a call, which family it stands for, and its
 * arithmetic. The double is written from the semantics, apart from runtime/c, so that both are
 * witnesses of each other.
 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dl_base.hpp"

extern "C" {
// Counts the calls of base functions, for tests that want to know that there was one.
extern unsigned espdl_double_calls;

// Lets the chip forget what it need not keep between two operators.
void espdl_double_forget(void);
}

namespace espdl_double {
constexpr bool v1 = CONFIG_PIE_V1_BOOST;
constexpr bool v2 = CONFIG_PIE_V2_BOOST;
constexpr bool vectors = v1 || v2;
constexpr int vector_bytes = 16;

// Values of one vector, as ESP-DL counts them on every chip.
template <typename T> constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

// Both stop the program, after naming the function of ESP-DL and what is wrong with its arguments.
[[noreturn]] void refuse(const char *function, const char *complaint);
[[noreturn]] void refuse(const char *function, const char *field, long long found,
                         long long expected);

inline void expect(const char *function, const char *field, long long found, long long expected) {
  if (found != expected) {
    refuse(function, field, found, expected);
  }
}

inline void demand(const char *function, bool kept, const char *complaint) {
  if (!kept) {
    refuse(function, complaint);
  }
}

// `alignment` in bytes; more than a type's own where the kernel does not look itself.
inline void expect_pointer(const char *function, const char *field, const void *pointer,
                           size_t alignment) {
  demand(function, pointer != nullptr, field);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (address % alignment != 0) {
    refuse(function, field, static_cast<long long>(address % alignment), 0);
  }
}

// No byte of the result may lie in an input, unless both begin at one place and `same` allows it.
void expect_apart(const char *function, const void *input, size_t input_bytes, const void *output,
                  size_t output_bytes, bool same);

// Bytes of a vector where the chip has vectors, else of an element.
template <typename T> constexpr size_t vector_alignment = vectors ? vector_bytes : alignof(T);

// Reads what a vector kernel reads behind an array: up to an address that is a multiple of 16, then
// `slack` bytes.
void read_slack(const void *array, size_t bytes, size_t slack);

// A block is scratch: who relies on what is left of it sees this.
template <typename Block> void scribble(Block *block) {
  memset(static_cast<void *>(block), 0xa5, sizeof(Block));
}

template <typename Block> Block *entered(const char *function, void *block) {
  demand(function, block != nullptr, "args_ptr is null");
  ++espdl_double_calls;
  return static_cast<Block *>(block);
}

int64_t highest(int bits);
int64_t clamped(int64_t value, int bits);
int64_t wrapped(int64_t value, int bits);

enum class Rounding { down, half_up, half_even };
constexpr Rounding to_nearest = v2 ? Rounding::half_even : Rounding::half_up;

// value / 2^shift; a negative shift multiplies, and saturates at 64 bits.
int64_t shifted(int64_t value, int shift, Rounding rounding);

// A float to the nearest integer, saturating; ties as the family has them.
int32_t nearest(float value);

template <typename T> constexpr int bits_of = 8 * static_cast<int>(sizeof(T));
template <typename T> T saturated(int64_t value) {
  return static_cast<T>(clamped(value, bits_of<T>));
}
} // namespace espdl_double

// Member `field` of the block `args` of function `function`, both of the scope, must be `wanted`.
#define ESPDL_EXPECT(field, wanted) \
  espdl_double::expect(function, #field, args.field, static_cast<long long>(wanted))
