"""The emulated Xtensa chip: its arithmetic is IEEE 754's and C's, its faults are errors."""

from dataclasses import dataclass

import numpy as np
import pytest

from tvm_espdl.errors import ToolError
from tvm_espdl.toolchain.compiler import Compiler

SEED = 20261130
COUNT = 20000
TYPES = {
    **{"float": np.float32, "double": np.float64},
    **{"int32_t": np.int32, "uint32_t": np.uint32, "int64_t": np.int64, "uint64_t": np.uint64},
}


@dataclass(frozen=True)
class Case:
    """An expression of C in a and b, their values, and what comes out."""

    text: str
    kind: str
    result: str
    a: np.ndarray
    b: np.ndarray
    wanted: np.ndarray


def reals(dtype, rng):
    """Any bits, subnormal, infinite or NaN, zero, near each other, with few digits (for ties)."""
    bits = np.dtype(dtype).itemsize * 8
    unsigned, digits = np.dtype(f"uint{bits}").type, np.finfo(dtype).nmant
    infinity, one = (np.array(value, dtype).view(unsigned) for value in (np.inf, 1))
    drawn = rng.integers(0, np.iinfo(unsigned).max, COUNT, unsigned, endpoint=True)
    fraction, sign = drawn & unsigned((1 << digits) - 1), drawn & unsigned(1 << (bits - 1))
    near = one + (drawn & unsigned((4 << digits) - 1))
    short = drawn & ~unsigned((1 << digits * 2 // 3) - 1)
    rare = sign | np.where(drawn & unsigned(1), infinity, unsigned(0))
    kinds = [drawn, drawn, sign | fraction, rare, sign | near, short]
    return np.choose(rng.integers(0, len(kinds), COUNT), kinds).view(dtype)


def integers(dtype, rng):
    """Of every length."""
    limits = np.iinfo(dtype)
    drawn = rng.integers(limits.min, limits.max, COUNT, dtype, endpoint=True)
    return drawn >> rng.integers(0, limits.bits, COUNT).astype(dtype)


def quotient(a, b):
    """C's, which rounds to zero."""
    return a // b + ((np.fmod(a, b) != 0) & ((a < 0) != (b < 0))).astype(a.dtype)


def arithmetic(rng):
    with np.errstate(all="ignore"):
        for kind in ("float", "double"):
            a, b = (reals(TYPES[kind], rng) for _ in range(2))
            a[: COUNT // 20] = b[: COUNT // 20]
            for text, wanted in (("a + b", a + b), ("a - b", a - b), ("a * b", a * b)):
                yield Case(text, kind, kind, a, b, wanted)
            yield Case("a / b", kind, kind, a, b, a / b)
            yield Case("a < b", kind, "int32_t", a, b, (a < b).astype(np.int32))
            yield Case("a == b", kind, "int32_t", a, b, (a == b).astype(np.int32))
    for kind in ("int32_t", "uint32_t", "int64_t", "uint64_t"):
        a, b = (integers(TYPES[kind], rng) for _ in range(2))
        b[(b == 0) | (b == -1 if kind.startswith("int") else False)] = 3
        yield Case("a / b", kind, kind, a, b, quotient(a, b))
        yield Case("a % b", kind, kind, a, b, np.fmod(a, b))
        if kind == "uint64_t":
            yield Case("a * b", kind, kind, a, b, a * b)


def conversions(rng):
    for kind in ("float", "double"):
        a = reals(TYPES[kind], rng)
        for result, dtype in TYPES.items():
            if result.endswith("_t"):
                limits = np.iinfo(dtype)
                low, high = TYPES[kind](limits.min), TYPES[kind](2.0 ** np.log2(limits.max + 1.0))
                inside = np.where((a > low) & (a < high), a, TYPES[kind](0.75))
                spread = rng.uniform(low, high, COUNT) * 2.0 ** -rng.integers(0, 64, COUNT)
                mixed = np.where(np.arange(COUNT) % 2, inside, spread.astype(TYPES[kind]))
                mixed = np.where(mixed < high, mixed, TYPES[kind](1))
                yield Case("a", kind, result, mixed, mixed, mixed.astype(dtype))
            elif result != kind:
                with np.errstate(all="ignore"):
                    yield Case("a", kind, result, a, a, a.astype(dtype))
    for kind in ("int32_t", "uint32_t", "int64_t", "uint64_t"):
        a = integers(TYPES[kind], rng)
        for result in ("float", "double"):
            yield Case("a", kind, result, a, a, a.astype(TYPES[result]))


def program(cases):
    """C that reads for each case all a, then all b, and writes the results."""
    functions, calls = [], []
    for number, case in enumerate(cases):
        functions.append(
            f"static {case.result} case_{number}({case.kind} a, {case.kind} b) {{\n"
            f"  (void)b;\n  return ({case.result})({case.text});\n}}\n"
        )
        calls.append(
            f"  {{\n    static {case.kind} a[{COUNT}], b[{COUNT}];\n"
            f"    static {case.result} c[{COUNT}];\n"
            "    if (fread(a, sizeof a, 1, from) != 1 || fread(b, sizeof b, 1, from) != 1) {\n"
            "      return 1;\n    }\n"
            f"    for (int i = 0; i < {COUNT}; ++i) {{\n"
            f"      c[i] = case_{number}(a[i], b[i]);\n    }}\n"
            "    if (fwrite(c, sizeof c, 1, to) != 1) {\n      return 2;\n    }\n  }\n"
        )
    return (
        "#include <stdint.h>\n#include <stdio.h>\n\n"
        f"{''.join(functions)}\nint main(void) {{\n"
        '  FILE *const from = fopen("inputs.bin", "rb");\n'
        '  FILE *const to = fopen("outputs.bin", "wb");\n'
        "  if (from == NULL || to == NULL) {\n    return 3;\n  }\n"
        f"{''.join(calls)}  return fclose(to) != 0;\n}}\n"
    )


@pytest.mark.parametrize("make", [arithmetic, conversions])
def test_arithmetic_is_the_pc_s(make, xtensa, tmp_path):
    cases = list(make(np.random.default_rng(SEED)))
    (tmp_path / "main.c").write_text(program(cases))
    xtensa.build([tmp_path / "main.c"], tmp_path / "program")
    with (tmp_path / "inputs.bin").open("wb") as file:
        file.writelines(array.tobytes() for case in cases for array in (case.a, case.b))
    xtensa.run(tmp_path / "program")
    written = (tmp_path / "outputs.bin").read_bytes()
    for case in cases:
        dtype = np.dtype(TYPES[case.result])
        result, written = np.frombuffer(written, dtype, COUNT), written[COUNT * dtype.itemsize :]
        same = result.view(f"u{dtype.itemsize}") == case.wanted.view(f"u{dtype.itemsize}")
        same |= np.isnan(result) & np.isnan(case.wanted)  # one NaN is as good as another
        at = np.flatnonzero(~same)[:5]
        message = f"{case.kind} {case.text} to {case.result}, seed {SEED}"
        wrong = [(case.a[i], case.b[i], result[i], case.wanted[i]) for i in at]
        assert not wrong, f"{message}: a, b, result, wanted: {wrong}"
    assert not written


def built(text, compiler, tmp_path):
    (tmp_path / "main.c").write_text(text)
    compiler.build([tmp_path / "main.c"], tmp_path / "program")
    return tmp_path / "program"


def test_output_and_exit_status(xtensa, tmp_path):
    text = '#include <stdio.h>\n\nint main(void) {\n  printf("%s\\n", "a line");\n  return 7;\n}\n'
    with pytest.raises(ToolError, match=r"failed with exit status 7; .*a line"):
        xtensa.run(built(text, xtensa, tmp_path))
    fine = built(text.replace("7", "0"), xtensa, tmp_path)
    assert xtensa.run(fine) == "a line\n"


def test_a_misaligned_access_is_an_error(xtensa, tmp_path):
    """On ESP32 and S3 it is one, too, or slow; QEMU's RISC-V does not notice."""
    text = (
        "#include <stdint.h>\n\nstatic unsigned char bytes[8];\n\nint main(void) {\n"
        "  volatile uintptr_t place = (uintptr_t)bytes + 1;\n"
        "  return *(volatile int32_t *)place;\n}\n"
    )
    with pytest.raises(ToolError, match=r"exit status 70; .*exception 9 at 0x"):
        xtensa.run(built(text, xtensa, tmp_path))


LOOP = {"rv32": "li %0, 1000", "xtensa": "movi %0, 1000"}


@pytest.mark.parametrize("chip", LOOP)
def test_instructions_are_counted(chip, request, tmp_path):
    """A thousand turns of three instructions, one in front, and one of the two reads."""
    compiler = request.getfixturevalue(chip).counting()
    reads = [compiler.counter.read.replace("%0", f"%{number}") for number in (1, 2)]
    loop = [LOOP[chip], "1: addi %0, %0, -1", "nop", "bnez %0, 1b"]
    text = (
        "#include <stdint.h>\n#include <stdio.h>\n\nint main(void) {\n"
        "  uint32_t turns, before, after;\n"
        f'  __asm__ volatile("{"; ".join([reads[0], *loop, reads[1]])}"\n'
        '                   : "=&r"(turns), "=&r"(before), "=&r"(after));\n'
        '  printf("%lu\\n", (unsigned long)(after - before));\n  return (int)turns;\n}\n'
    )
    counted = int(compiler.run(built(text, compiler, tmp_path)))
    assert round(counted / compiler.counter.per_instruction) == 3002


def test_this_pc_counts_nothing():
    with pytest.raises(ToolError, match="counted by emulators only"):
        Compiler.host().counting()
