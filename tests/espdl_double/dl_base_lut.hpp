#pragma once

#include "dl_base.hpp"

namespace dl {
namespace base {
void lut_s8(int8_t *output, const int8_t *input, int32_t size, const int8_t *table);
void lut_s16_nearest_neighbor(int16_t *output, const int16_t *input, int32_t size,
                              const int16_t *table, int32_t step);
} // namespace base
} // namespace dl
