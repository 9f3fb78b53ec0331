#pragma once

#include "dl_base_elemwise.hpp"

namespace dl {
namespace base {
void elemwise_less(elemwiseArgsType<int8_t, bool> *args);
void elemwise_less(elemwiseArgsType<int16_t, bool> *args);
} // namespace base
} // namespace dl
