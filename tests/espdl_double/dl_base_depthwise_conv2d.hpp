#pragma once

#include "dl_base.hpp"

namespace dl {
namespace base {
template <typename feature_t, typename bias_t, typename buffer_t>
void depthwise_conv2d(void *args_ptr);
} // namespace base
} // namespace dl
