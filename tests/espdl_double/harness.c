/*
 * Runs all cases and writes what they computed, and how often each called ESP-DL's double. A tensor
 * lies between two pages that cannot be touched: behind its end, rounded up to 16 bytes, only the
 * slack can be read that kernels are promised. Without an operating system, bytes around the result
 * are compared instead.
 */
#define _DEFAULT_SOURCE

#include "harness.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

enum { VECTOR = 16, PATTERN = 0x5a };

extern unsigned espdl_double_calls;
void espdl_double_forget(void);

static size_t current;

/* Also after the double has refused a call. */
static void say_where(void) {
  if (current < case_count) {
    printf("in case %lu\n", (unsigned long)current);
  }
}

static void stop(const char *what) {
  printf("%s\n", what);
  exit(1);
}

struct memory {
  unsigned char *bytes;
  size_t size; /* of the tensor */
  unsigned char *region;
  size_t region_size;
};

static size_t rounded_up(size_t size, size_t to) { return (size + to - 1) / to * to; }

#ifdef __linux__
static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static struct memory take(size_t size, size_t slack) {
  const size_t used = rounded_up(size, VECTOR) + slack;
  const size_t inner = rounded_up(used, page());
  struct memory taken = {NULL, size, NULL, inner + 2 * page()};
  taken.region = mmap(NULL, taken.region_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (taken.region == MAP_FAILED ||
      mprotect(taken.region + page(), inner, PROT_READ | PROT_WRITE) != 0) {
    stop("out of memory");
  }
  taken.bytes = taken.region + page() + inner - used;
  memset(taken.region + page(), PATTERN, inner);
  return taken;
}

static void protect(const struct memory *taken) {
  mprotect(taken->region + page(), taken->region_size - 2 * page(), PROT_READ);
}

static void give_back(struct memory *taken) { munmap(taken->region, taken->region_size); }

static unsigned char *first_of(const struct memory *taken) { return taken->region + page(); }

static unsigned char *end_of(const struct memory *taken) {
  return taken->region + taken->region_size - page();
}

static void on_fault(int signal_number) {
  (void)signal_number;
  static const char text[] = "touched memory outside of its tensors\nin case ";
  char digits[24];
  size_t at = sizeof digits;
  digits[--at] = '\n';
  for (size_t left = current;; left /= 10) {
    digits[--at] = (char)('0' + left % 10);
    if (left < 10) {
      break;
    }
  }
  if (write(1, text, sizeof text - 1) < 0 || write(1, digits + at, sizeof digits - at) < 0) {
    _exit(2);
  }
  _exit(1);
}

static void catch_faults(void) {
  signal(SIGSEGV, on_fault);
  signal(SIGBUS, on_fault);
}
#else
enum { GUARD = 64 };

static struct memory take(size_t size, size_t slack) {
  const size_t used = rounded_up(size, VECTOR) + slack;
  struct memory taken = {NULL, size, NULL, used + 2 * GUARD + VECTOR};
  taken.region = malloc(taken.region_size);
  if (taken.region == NULL) {
    stop("out of memory");
  }
  memset(taken.region, PATTERN, taken.region_size);
  const size_t over = (size_t)((uintptr_t)taken.region % VECTOR);
  taken.bytes = taken.region + GUARD + (VECTOR - over) % VECTOR;
  return taken;
}

static void protect(const struct memory *taken) { (void)taken; }

static void give_back(struct memory *taken) { free(taken->region); }

static unsigned char *first_of(const struct memory *taken) { return taken->region; }

static unsigned char *end_of(const struct memory *taken) {
  return taken->region + taken->region_size;
}

static void catch_faults(void) {}
#endif

static void check_surroundings(const struct memory *taken) {
  for (const unsigned char *at = first_of(taken); at < end_of(taken); ++at) {
    const int inside = at >= taken->bytes && at < taken->bytes + taken->size;
    if (!inside && *at != PATTERN) {
      stop("wrote outside of its output");
    }
  }
}

static struct memory filled(FILE *from, size_t size, size_t slack) {
  const struct memory taken = take(size, slack);
  if (fread(taken.bytes, 1, size, from) != size) {
    stop("cannot read its data");
  }
  return taken;
}

struct tensors {
  struct memory constants[MOST_CONSTANTS];
  struct memory inputs[MOST_INPUTS];
  size_t constant_count;
  size_t input_count;
};

static void call(const struct test_case *test, const struct tensors *tensors,
                 const struct memory *output) {
  void *constants[MOST_CONSTANTS] = {NULL};
  void *inputs[MOST_INPUTS] = {NULL};
  struct memory workspace = take(test->workspace_bytes, VECTOR);
  for (size_t i = 0; i < tensors->constant_count; ++i) {
    constants[i] = tensors->constants[i].bytes;
  }
  for (size_t i = 0; i < tensors->input_count; ++i) {
    inputs[i] = tensors->inputs[i].bytes;
  }
  espdl_double_forget();
  test->run(constants, inputs, output->bytes, workspace.bytes);
  check_surroundings(output);
  check_surroundings(&workspace);
  give_back(&workspace);
}

/* Once more for each input that the output may be written over. */
static void check_in_place(const struct test_case *test, struct tensors *tensors,
                           const struct memory *expected) {
  for (size_t i = 0; i < tensors->input_count; ++i) {
    if ((test->in_place >> i & 1u) == 0) {
      continue;
    }
    const struct memory kept = tensors->inputs[i];
    struct memory both = take(test->output_bytes, test->input_slack);
    memcpy(both.bytes, kept.bytes, kept.size < both.size ? kept.size : both.size);
    tensors->inputs[i] = both;
    call(test, tensors, &both);
    if (memcmp(both.bytes, expected->bytes, test->output_bytes) != 0) {
      stop("gives another result in place");
    }
    tensors->inputs[i] = kept;
    give_back(&both);
  }
}

static void run(const struct test_case *test, FILE *from, FILE *to, FILE *counts) {
  struct tensors tensors = {.constant_count = 0};
  for (size_t i = 0; i < MOST_CONSTANTS && test->constant_bytes[i] != 0; ++i) {
    tensors.constants[i] = filled(from, test->constant_bytes[i], test->constant_slack);
    protect(&tensors.constants[i]);
    tensors.constant_count = i + 1;
  }
  for (size_t i = 0; i < MOST_INPUTS && test->input_bytes[i] != 0; ++i) {
    tensors.inputs[i] = filled(from, test->input_bytes[i], test->input_slack);
    protect(&tensors.inputs[i]);
    tensors.input_count = i + 1;
  }
  struct memory output = take(test->output_bytes, VECTOR);
  const unsigned before = espdl_double_calls;
  call(test, &tensors, &output);
  const uint32_t calls = (uint32_t)(espdl_double_calls - before);
  check_in_place(test, &tensors, &output);
  if (fwrite(output.bytes, 1, output.size, to) != output.size ||
      fwrite(&calls, sizeof calls, 1, counts) != 1) {
    stop("cannot write its results");
  }
  give_back(&output);
  for (size_t i = 0; i < tensors.constant_count; ++i) {
    give_back(&tensors.constants[i]);
  }
  for (size_t i = 0; i < tensors.input_count; ++i) {
    give_back(&tensors.inputs[i]);
  }
}

int main(void) {
  FILE *from = fopen("inputs.bin", "rb");
  FILE *to = fopen("outputs.bin", "wb");
  FILE *counts = fopen("calls.bin", "wb");
  if (from == NULL || to == NULL || counts == NULL) {
    stop("cannot open the files");
  }
  catch_faults();
  atexit(say_where);
  for (current = 0; current < case_count; ++current) {
    run(&cases[current], from, to, counts);
  }
  fclose(from);
  return fclose(to) == 0 && fclose(counts) == 0 ? 0 : 1;
}
