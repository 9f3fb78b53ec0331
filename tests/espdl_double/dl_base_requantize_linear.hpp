#pragma once

#include "dl_base.hpp"

namespace dl {
namespace base {
template <typename out_feature_t, typename in_feature_t>
void requantize_linear(void *const args_ptr);
} // namespace base
} // namespace dl
