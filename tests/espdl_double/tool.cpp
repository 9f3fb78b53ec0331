#include "sdkconfig.h"

#include "double.hpp"

#if CONFIG_PIE_V2_BOOST
#include "rounding_mode.hpp"

round_mode_t espdl_double::rounding_mode = ROUND_MODE_FLOOR;

void espdl_double_forget(void) { espdl_double::forget_rounding_mode(); }

void dl_esp32p4_cfg_round(round_mode_t round_mode) { espdl_double::rounding_mode = round_mode; }
#else
void espdl_double_forget(void) {}
#endif

namespace dl {
namespace tool {
template <> int round(float value) { return espdl_double::nearest(value); }

template <> int32_t shift_and_round(int32_t value, int shift) {
  return espdl_double::saturated<int32_t>(
      espdl_double::shifted(value, shift, espdl_double::to_nearest));
}

template <> int64_t shift_and_round(int64_t value, int shift) {
  return espdl_double::shifted(value, shift, espdl_double::to_nearest);
}
} // namespace tool
} // namespace dl
