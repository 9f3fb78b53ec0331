/*
 * ESP-DL declares its assembly here; nothing of it is called but through dl::base.
 */
#pragma once

#include "dl_define.hpp"
