/*
 * Counts the cycles of each call of a network and prints them after a run, as
 * `@espdl profile <call> <first result> <cycles>`. Compiled in only where TVM_ESPDL_PROFILE is
 * defined; without it the macros below cost nothing.
 */
#ifndef TVM_ESPDL_PROFILE_H
#define TVM_ESPDL_PROFILE_H

#include "crt_config.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef TVM_ESPDL_PROFILE
struct tvm_espdl_profiled {
  int32_t call;
  const char *name;
  uint32_t cycles;
};

/* Cycles of the core that this runs on; they begin anew after 2^32, some 10 to 20 seconds. */
uint32_t tvm_espdl_cycles(void);

void tvm_espdl_profile_print(const struct tvm_espdl_profiled *calls, int32_t count);

/* In the function with the calls, before the first one. */
#define TVM_ESPDL_PROFILE_BEGIN(count)                     \
  static struct tvm_espdl_profiled profiled_calls[count];  \
  uint32_t profile_start
#define TVM_ESPDL_PROFILE_START() (profile_start = tvm_espdl_cycles())
#define TVM_ESPDL_PROFILE_STOP(number, call, name) \
  (profiled_calls[number] =                        \
       (struct tvm_espdl_profiled){call, name, tvm_espdl_cycles() - profile_start})
#define TVM_ESPDL_PROFILE_DONE(count) tvm_espdl_profile_print(profiled_calls, count)
#else
#define TVM_ESPDL_PROFILE_BEGIN(count) ((void)0)
#define TVM_ESPDL_PROFILE_START() ((void)0)
#define TVM_ESPDL_PROFILE_STOP(number, call, name) ((void)0)
#define TVM_ESPDL_PROFILE_DONE(count) ((void)0)
#endif

#ifdef __cplusplus
}
#endif

#endif
