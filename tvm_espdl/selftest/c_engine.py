"""Runs operators through the C kernels of `runtime/c`, on this PC or on an emulated chip.

All cases become one program, which reads its inputs from a file and writes its outputs to another.
It never computes a result itself and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..chips import Chip
from ..codegen.kernels import runtime_files
from ..codegen.literals import array_definition
from ..ops import Operator
from ..ops.base.ccall import CCall
from ..ops.base.rounding import Array
from ..toolchain.compiler import Compiler
from .c_case import PARAMETERS, case_definition

GUARD_BYTES = 64


@dataclass(frozen=True)
class Item:
    """One operator to run."""

    #: What to compute.
    operator: Operator
    #: Whose bits.
    chip: Chip
    #: As the operator's `constants` and `inputs` state them.
    constants: tuple[Array, ...]
    inputs: tuple[Array, ...]


def run_c(items: Sequence[Item], *, compiler: Compiler | None = None) -> list[Array]:
    """Run every item once and return the outputs, in the order of the items.

    Any operators for any chips; the compiler is GCC of this PC by default.

    Raises
    ------
    ToolError
        If compiler or emulator are missing or fail, or a kernel writes outside its output.
    """
    chosen = compiler or Compiler.host()
    chosen.require()
    if not items:
        return []
    text, calls = program_source(items)
    texts = {"main.c": text, **runtime_files(calls)}
    return chosen.run_on(
        {Path(name): content.encode() for name, content in texts.items()},
        lambda folder, program: chosen.build(sorted(folder.glob("*.c")), program),
        (array for item in items for array in item.inputs),
        (item.operator.output for item in items),
    )


def program_source(items: Sequence[Item]) -> tuple[str, list[tuple[Operator, CCall]]]:
    """The test program in C, and the calls of kernels in it."""
    definitions: list[str] = []
    rows: list[str] = []
    calls: list[tuple[Operator, CCall]] = []
    cases: dict[tuple[Operator, str, tuple[int, ...]], int] = {}
    for item in items:
        key = item.operator, item.chip.name, tuple(map(id, item.constants))
        number = cases.setdefault(key, len(cases))
        if number == len(definitions):
            call = item.operator.call(item.chip, *item.constants)
            calls.append((item.operator, call))
            definitions.append(_case(number, call, item.operator))
        sizes = ", ".join(str(array.nbytes) for array in item.inputs)
        places = sum(1 << place for place in calls[number][1].needs.in_place)
        output_bytes = item.operator.output.nbytes
        rows.append(f"  {{case_{number}, {{{sizes}}}, {output_bytes}, {places}}},\n")
    table = f"static const struct test_case cases[{len(rows)}] = {{\n{''.join(rows)}}};\n"
    most = max(len(item.inputs) for item in items)
    return "\n".join([_HEAD % (most, PARAMETERS), *definitions, table, _MAIN]), calls


def _case(number: int, call: CCall, operator: Operator) -> str:
    """Constants, descriptor and function of one record; items that share it share the number."""
    names = {member: f"{member}_{number}" for member in call.arrays}
    arrays = [array_definition(names[m], a, call.over_read) for m, a in call.arrays.items()]
    workspace = f"workspace_{number}"
    if size := call.needs.workspace_bytes:
        arrays.append(f"static ESPDL_ALIGNED(16) unsigned char {workspace}[{size}];\n")
    return "\n".join([*arrays, case_definition(number, operator, call, names, workspace)])


# Each tensor has memory of exactly its size, so that sanitizers see the first byte outside.
_HEAD = """\
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "espdl_kernels.h"

enum { INPUTS = %d };

struct test_case {
  void (*run)(%s);
  size_t input_bytes[INPUTS];
  size_t output_bytes;
  unsigned in_place; /* a bit for each input whose memory the output may take */
};
"""

_MAIN = (
    f"enum {{ GUARD = {GUARD_BYTES}, PATTERN = 0x5a }};\n"
    + """
static void stop(const char *what, size_t number) {
  printf("case %lu: %s\\n", (unsigned long)number, what);
  exit(1);
}

static void *take_input(FILE *file, size_t bytes, size_t number) {
  void *memory = malloc(bytes);
  if (memory == NULL || fread(memory, 1, bytes, file) != bytes) {
    stop("cannot read the input", number);
  }
  return memory;
}

/* The kernel once more for each input that its output may be written over. */
static void check_in_place(const struct test_case *test, size_t number, const void **inputs,
                           const unsigned char *expected) {
  for (size_t i = 0; i < INPUTS; ++i) {
    if ((test->in_place >> i & 1u) == 0 || test->output_bytes == 0) {
      continue;
    }
    const void *kept = inputs[i];
    void *both = malloc(test->output_bytes);
    if (both == NULL) {
      stop("out of memory", number);
    }
    memcpy(both, kept, test->output_bytes);
    inputs[i] = both;
    test->run(inputs, both);
    if (memcmp(both, expected, test->output_bytes) != 0) {
      stop("gives another result in place", number);
    }
    free(both);
    inputs[i] = kept;
  }
}

static void run(const struct test_case *test, size_t number, FILE *from, FILE *to) {
  void *memory[INPUTS] = {NULL};
  const void *inputs[INPUTS] = {NULL};
  unsigned char *output = malloc(test->output_bytes + GUARD);
  if (output == NULL) {
    stop("out of memory", number);
  }
  for (size_t i = 0; i < INPUTS && test->input_bytes[i] != 0; ++i) {
    memory[i] = take_input(from, test->input_bytes[i], number);
    inputs[i] = memory[i];
  }
  for (size_t i = 0; i < test->output_bytes + GUARD; ++i) {
    output[i] = PATTERN;
  }
  test->run(inputs, output);
  for (size_t i = 0; i < GUARD; ++i) {
    if (output[test->output_bytes + i] != PATTERN) {
      stop("wrote past the end of its output", number);
    }
  }
  check_in_place(test, number, inputs, output);
  if (fwrite(output, 1, test->output_bytes, to) != test->output_bytes) {
    stop("cannot write the output", number);
  }
  free(output);
  for (size_t i = 0; i < INPUTS; ++i) {
    free(memory[i]);
  }
}

int main(void) {
  FILE *from = fopen("inputs.bin", "rb");
  FILE *to = fopen("outputs.bin", "wb");
  if (from == NULL || to == NULL) {
    stop("cannot open its files", 0);
  }
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    run(&cases[i], i, from, to);
  }
  fclose(from);
  return fclose(to) == 0 ? 0 : 1;
}
"""
)
