/* Stands in for ESP-IDF's. */
#pragma once
#include <stdint.h>
typedef uint32_t UBaseType_t;
