/* Stands in for ESP-IDF's: nobody allocates. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#define MALLOC_CAP_SPIRAM (1 << 10)
#define MALLOC_CAP_INTERNAL (1 << 11)
static inline size_t heap_caps_get_free_size(uint32_t caps) {
  return caps == MALLOC_CAP_INTERNAL ? 200000 : 0;
}
