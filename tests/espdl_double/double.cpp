#include "sdkconfig.h"

#include "double.hpp"

#include <stdio.h>
#include <stdlib.h>

unsigned espdl_double_calls = 0;

namespace espdl_double {
void refuse(const char *function, const char *complaint) {
  printf("%s refused: %s\n", function, complaint);
  fflush(stdout);
  exit(70);
}

void refuse(const char *function, const char *field, long long found, long long expected) {
  printf("%s refused: %s is %lld, expected %lld\n", function, field, found, expected);
  fflush(stdout);
  exit(70);
}

void expect_apart(const char *function, const void *input, size_t input_bytes, const void *output,
                  size_t output_bytes, bool same) {
  const auto x = reinterpret_cast<uintptr_t>(input);
  const auto y = reinterpret_cast<uintptr_t>(output);
  const bool apart = x + input_bytes <= y || y + output_bytes <= x;
  demand(function, apart || (same && x == y), "the result overlaps an input");
}

void read_slack(const void *array, size_t bytes, size_t slack) {
  const auto *at = static_cast<const volatile uint8_t *>(array);
  const size_t over = (reinterpret_cast<uintptr_t>(array) + bytes) % vector_bytes;
  const size_t end = bytes + (vector_bytes - over) % vector_bytes + slack;
  for (size_t i = bytes; i < end; ++i) {
    (void)at[i];
  }
}

int64_t highest(int bits) { return static_cast<int64_t>((UINT64_C(1) << (bits - 1)) - 1); }

int64_t clamped(int64_t value, int bits) {
  const int64_t most = highest(bits);
  return value > most ? most : value < -most - 1 ? -most - 1 : value;
}

int64_t wrapped(int64_t value, int bits) {
  const int unused = 64 - bits;
  return static_cast<int64_t>(static_cast<uint64_t>(value) << unused) >> unused;
}

int64_t shifted(int64_t value, int shift, Rounding rounding) {
  if (shift <= 0) {
    for (; shift < 0; ++shift) {
      value = clamped(value, 63) == value ? value * 2 : value < 0 ? INT64_MIN : INT64_MAX;
    }
    return value;
  }
  if (shift > 63) {
    return value < 0 && rounding == Rounding::down ? -1 : 0;
  }
  const int64_t below = value >> shift;
  const auto rest = static_cast<uint64_t>(value) & ((UINT64_C(1) << shift) - 1);
  const uint64_t half = UINT64_C(1) << (shift - 1);
  const bool tie_goes_up = rounding == Rounding::half_up || (below & 1) != 0;
  const bool up = rest > half || (rest == half && tie_goes_up);
  return rounding != Rounding::down && up ? below + 1 : below;
}

int32_t nearest(float value) {
  if (!(value > -2147483648.0f)) {
    return INT32_MIN;
  }
  if (value >= 2147483648.0f) {
    return INT32_MAX;
  }
  // Half up adds in double, and rounds the sum back to float.
  const float sum = v2 ? value : static_cast<float>(static_cast<double>(value) + 0.5);
  if (sum >= 2147483648.0f) {
    return INT32_MAX;
  }
  const auto whole = static_cast<int32_t>(sum);
  const auto below = static_cast<float>(whole) > sum ? whole - 1 : whole;
  if (!v2) {
    return below;
  }
  const float rest = value - static_cast<float>(below);
  return rest > 0.5f || (rest == 0.5f && (below & 1) != 0) ? below + 1 : below;
}
} // namespace espdl_double
