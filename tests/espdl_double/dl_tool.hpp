/*
 * Rounding, clamping, and the rounding mode of the ESP32-P4 and ESP32-S31.
 */
#pragma once

#include <stdint.h>

#include "dl_define.hpp"

#if CONFIG_PIE_V2_BOOST
extern "C" {
typedef enum {
  ROUND_MODE_FLOOR,
  ROUND_MODE_CEILING,
  ROUND_MODE_UP,
  ROUND_MODE_DOWN,
  ROUND_MODE_HALF_UP,
  ROUND_MODE_HALF_DOWN,
  ROUND_MODE_HALF_EVEN,
  ROUND_MODE_UNNECESSARY,
} round_mode_t;

void dl_esp32p4_cfg_round(round_mode_t round_mode);
}
#endif

namespace dl {
namespace tool {
// Of float and double.
template <typename T> int round(T value);

// Of int32_t and int64_t.
template <typename T> T shift_and_round(T value, int shift);

template <typename T> void truncate(int8_t &output, T input) {
  output = static_cast<int8_t>(input < INT8_MIN ? INT8_MIN : input > INT8_MAX ? INT8_MAX : input);
}

template <typename T> void truncate(int16_t &output, T input) {
  output = static_cast<int16_t>(input < INT16_MIN   ? INT16_MIN
                                : input > INT16_MAX ? INT16_MAX
                                                    : input);
}
} // namespace tool
} // namespace dl
