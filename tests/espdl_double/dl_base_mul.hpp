#pragma once

#include "dl_base_elemwise.hpp"

namespace dl {
namespace base {
void elemwise_mul(elemwiseArgsType<int8_t> *args);
void elemwise_mul(elemwiseArgsType<int16_t> *args);
} // namespace base
} // namespace dl
