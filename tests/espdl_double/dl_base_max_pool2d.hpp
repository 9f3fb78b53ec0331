#pragma once

#include "dl_base_pool2d.hpp"

namespace dl {
namespace base {
template <typename feature_t> void max_pool2d(void *args_ptr);
} // namespace base
} // namespace dl
