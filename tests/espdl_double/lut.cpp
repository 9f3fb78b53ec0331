/*
 * The lookups: these two functions look at the alignment themselves.
 */
#include "sdkconfig.h"

#include "dl_base_lut.hpp"
#include "double.hpp"
#include "rounding_mode.hpp"

using namespace espdl_double;

namespace dl {
namespace base {
void lut_s8(int8_t *output, const int8_t *input, int32_t size, const int8_t *table) {
  const char *function = "lut_s8";
  ++espdl_double_calls;
  expect_pointer(function, "output", output, 1);
  expect_pointer(function, "input", input, 1);
  expect_pointer(function, "table", table, 1);
  demand(function, size > 0, "size is not positive");
  expect_apart(function, input, size, output, size, true);
  for (int32_t i = 0; i < size; ++i) {
    output[i] = table[input[i] + 128];
  }
  forget_rounding_mode();
}

void lut_s16_nearest_neighbor(int16_t *output, const int16_t *input, int32_t size,
                              const int16_t *table, int32_t step) {
  const char *function = "lut_s16_nearest_neighbor";
  ++espdl_double_calls;
  expect_pointer(function, "output", output, alignof(int16_t));
  expect_pointer(function, "input", input, alignof(int16_t));
  expect_pointer(function, "table", table, alignof(int16_t));
  demand(function, size > 0, "size is not positive");
  demand(function, step > 0 && step <= 65536 && (step & (step - 1)) == 0,
         "step is no power of two");
  // Vectors round a shift by a bit or more; ESP-DL reads a table of all integers itself.
  demand(function, step > 1 || !vectors, "step is 1");
  int shift = 0;
  while (1 << shift < step) {
    ++shift;
  }
  expect_apart(function, input, size * sizeof(int16_t), output, size * sizeof(int16_t), true);
  read_slack(table, (65536 / step + 1) * sizeof(int16_t), 0);
  for (int32_t i = 0; i < size; ++i) {
    output[i] = table[shifted(input[i] + 32768, shift, to_nearest)];
  }
  forget_rounding_mode();
}
} // namespace base
} // namespace dl
