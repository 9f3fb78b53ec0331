/*
 * The rounding mode of the vector unit of the ESP32-P4 and ESP32-S31. A fresh core rounds down, and
 * after each call the double leaves that behind, for other code may run in between: of all kernels
 * only the nearest resize does not set the mode itself.
 */
#pragma once

#include "double.hpp"

namespace espdl_double {
#if CONFIG_PIE_V2_BOOST
extern round_mode_t rounding_mode;

inline void forget_rounding_mode() { rounding_mode = ROUND_MODE_FLOOR; }

inline Rounding rounding_of_resize() {
  switch (rounding_mode) {
  case ROUND_MODE_HALF_EVEN:
    return Rounding::half_even;
  case ROUND_MODE_HALF_UP:
    return Rounding::half_up;
  default:
    return Rounding::down;
  }
}
#else
inline void forget_rounding_mode() {}
inline Rounding rounding_of_resize() { return Rounding::half_up; }
#endif
} // namespace espdl_double
