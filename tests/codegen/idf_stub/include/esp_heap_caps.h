/* Stands in for ESP-IDF's: nobody allocates but a main that gives the network its memory. */
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
  const size_t whole = (size + alignment - 1) / alignment * alignment;
  return caps == MALLOC_CAP_8BIT ? aligned_alloc(alignment, whole) : NULL;
}
