/*
 * The cycles of a network's calls: by the counter of the chip, on a PC by the clock of C, whose
 * ticks are no cycles. The lines are described in docs/board-dumps.md.
 */
#include "tvm_espdl_profile.h"

#ifdef TVM_ESPDL_PROFILE

#include <inttypes.h>
#include <stdio.h>

#if defined(ESP_PLATFORM)
#include "esp_cpu.h"

uint32_t tvm_espdl_cycles(void) {
  return (uint32_t)esp_cpu_get_cycle_count();
}
#elif defined(__riscv)
uint32_t tvm_espdl_cycles(void) {
  unsigned long cycles;
  __asm__ volatile("rdcycle %0" : "=r"(cycles));
  return (uint32_t)cycles;
}
#elif defined(__XTENSA__)
uint32_t tvm_espdl_cycles(void) {
  uint32_t cycles;
  __asm__ volatile("rsr %0, ccount" : "=r"(cycles));
  return cycles;
}
#else
#include <time.h>

uint32_t tvm_espdl_cycles(void) {
  return (uint32_t)clock();
}
#endif

void tvm_espdl_profile_print(const struct tvm_espdl_profiled *calls, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    printf("@espdl profile %" PRId32 " %s %" PRIu32 "\n", calls[i].call, calls[i].name,
           calls[i].cycles);
  }
}

#else

/* ISO C wants at least one declaration in a file. */
typedef int tvm_espdl_profile_is_off;

#endif
