/* Stands in for ESP-IDF's: what is allocated comes from the C library, and is not counted. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#define MALLOC_CAP_8BIT (1 << 2)
#define MALLOC_CAP_SPIRAM (1 << 10)
#define MALLOC_CAP_INTERNAL (1 << 11)
static inline size_t heap_caps_get_free_size(uint32_t caps) {
  return caps == MALLOC_CAP_INTERNAL ? 200000 : 0;
}
static inline void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps) {
  (void)caps;
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
