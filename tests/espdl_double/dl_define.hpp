/*
 * Enumerations of the argument blocks, in ESP-DL's order.
 */
#pragma once

#include "dl_define_private.hpp"

namespace dl {
typedef enum { Linear, ReLU, LeakyReLU, PReLU } activation_type_t;
typedef enum { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC } resize_mode_t;
} // namespace dl
