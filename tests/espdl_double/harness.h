/*
 * Cases that harness.c runs. Their constants and inputs stand in a file, one behind the other.
 */
#ifndef ESPDL_DOUBLE_HARNESS_H
#define ESPDL_DOUBLE_HARNESS_H

#include <stddef.h>

enum { MOST_CONSTANTS = 4, MOST_INPUTS = 2 };

struct test_case {
  void (*run)(void *const *constants, void *const *inputs, void *output, void *workspace);
  size_t constant_bytes[MOST_CONSTANTS]; /* 0 behind the last one */
  size_t input_bytes[MOST_INPUTS];
  size_t output_bytes;
  size_t workspace_bytes;
  size_t constant_slack; /* readable bytes behind a constant, whose size is rounded up to 16 */
  size_t input_slack;    /* the same of an input */
  unsigned in_place;     /* a bit for each input whose memory the output may take */
};

extern const struct test_case cases[];
extern const size_t case_count;

#endif
