/*
 * Runs the vectors that ESP-DL's own code computed, and prints what comes out, for
 * `tvm-espdl selftest --log` on the PC: docs/selftest.md has the lines. Written by tvm-espdl.
 */
#include "selftest_vectors.h"
#include "tvm_espdl_dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { GUARD = 64, PATTERN = 0x5a, APART = -1 };

/* One output at a time, between two guards that no kernel may touch. */
static ESPDL_ALIGNED(16) uint8_t memory[GUARD + SELFTEST_OUTPUT_BYTES + GUARD];
static uint8_t *const output = memory + GUARD;

ESPDL_ALIGNED(16) uint8_t selftest_workspace[SELFTEST_WORKSPACE_BYTES + GUARD];

/*
 * A line for the judge, with the CRC-32 of its text: damage on the way is told from a difference.
 * One call prints it, so that other tasks do so before or behind it.
 */
static void say(const char *format, ...) {
  static char line[SELFTEST_LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  printf("@espdl %s *%08" PRIx32 "\n", line, tvm_espdl_crc32(line, (int32_t)strlen(line)));
  fflush(stdout);
}

static const char *kernel_of(const struct selftest_vector *vector) {
#ifdef TVM_ESPDL_PORTABLE
  (void)vector;
  return "portable";
#else
  return vector->by_esp_dl ? "esp-dl" : "portable";
#endif
}

static bool is_untouched(const uint8_t *guard) {
  for (int32_t i = 0; i < GUARD; ++i) {
    if (guard[i] != PATTERN) {
      return false;
    }
  }
  return true;
}

/* The kernel once, its output APART from the inputs or over the one at `place`: its CRC-32. */
static uint32_t run(const struct selftest_vector *vector, int32_t place, bool *untouched) {
  const void *inputs[SELFTEST_INPUTS];
  memcpy(inputs, vector->inputs, sizeof inputs);
  memset(memory, PATTERN, sizeof memory);
  memset(selftest_workspace, PATTERN, sizeof selftest_workspace);
  if (place != APART) {
    memcpy(output, inputs[place], (size_t)vector->output_bytes);
    inputs[place] = output;
  }
  vector->run(inputs, output);
  *untouched = *untouched && is_untouched(memory) && is_untouched(output + vector->output_bytes) &&
               is_untouched(selftest_workspace + SELFTEST_WORKSPACE_BYTES);
  return tvm_espdl_crc32(output, vector->output_bytes);
}

/* What has come out, where it is not what should have. */
static void print_values(const struct selftest_vector *vector, int32_t index, int32_t place) {
  static char name[SELFTEST_LINE_BYTES];
  const char *const form = place == APART ? "%s" : "%s/in_place_%" PRId32;
  snprintf(name, sizeof name, form, vector->name, place);
  tvm_espdl_dump_tensor(index + (place + 1) * SELFTEST_VECTORS, name, vector->dtype, vector->shape,
                        0, output, vector->output_bytes);
}

static bool test(int32_t index) {
  const struct selftest_vector *const vector = &selftest_vectors[index];
  char places[SELFTEST_INPUTS * 9 + 2] = "-";
  size_t length = 0;
  bool untouched = true;
  const uint32_t crc = run(vector, APART, &untouched);
  bool equal = crc == vector->expected_crc;
  if (!equal) {
    print_values(vector, index, APART);
  }
  for (int32_t place = 0; place < SELFTEST_INPUTS; ++place) {
    if ((vector->in_place >> place & 1u) == 0u) {
      continue;
    }
    const uint32_t other = run(vector, place, &untouched);
    if (other != crc) {
      equal = false;
      print_values(vector, index, place);
    }
    const char *const form = length == 0u ? "%08" PRIx32 : ",%08" PRIx32;
    snprintf(places + length, sizeof places - length, form, other);
    length = strlen(places);
  }
  equal = equal && untouched;
  say("vector %s %" PRId32 " %s %s %08" PRIx32 " %s %s %s", SELFTEST_SET, index, vector->name,
      kernel_of(vector), crc, places, untouched ? "untouched" : "touched",
      equal ? "equal" : "differs");
  return equal;
}

static void run_selftest(void) {
  int32_t equal = 0;
  say("selftest %s begin %s %d %s", SELFTEST_LOG_VERSION, SELFTEST_SET, SELFTEST_VECTORS,
      SELFTEST_TOOL_VERSION);
  for (int32_t index = 0; index < SELFTEST_VECTORS; ++index) {
    equal += test(index) ? 1 : 0;
  }
  say("selftest %s done %s %d", SELFTEST_LOG_VERSION, SELFTEST_SET, SELFTEST_VECTORS);
  printf("%" PRId32 " of %d vectors gave the expected bits. Judge this log on the PC:\n"
         "tvm-espdl selftest --log monitor.log\n",
         equal, SELFTEST_VECTORS);
}

#ifdef ESP_PLATFORM
void app_main(void);
void app_main(void) {
  run_selftest();
}
#else
int main(void) {
  run_selftest();
  return 0;
}
#endif
