"""Constants in C: the same bits that the network has."""

import numpy as np
import pytest
from c_results import c_result

from tvm_espdl.codegen.literals import ALIGNMENT, array_definition, float_literal

SEED = 1601


def every_kind(kind, exponent_bits, mantissa_bits):
    """Each sign with each exponent, smallest, largest and random mantissas: NaNs among them."""
    rng = np.random.default_rng(SEED)
    head = np.arange(2 << exponent_bits, dtype=kind) << kind(mantissa_bits)
    largest = (1 << mantissa_bits) - 1
    tails = [0, 1, 2, largest >> 1, (largest >> 1) + 1, largest - 1, largest]
    tails += rng.integers(0, largest, 9).tolist()
    return (head[:, None] | np.array(tails, kind)).ravel()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_their_bits(dtype, c_compiler, tmp_path):
    bits = every_kind(np.uint32, 8, 23) if dtype == "float32" else every_kind(np.uint64, 11, 52)
    text = array_definition("values", bits.view(dtype), 0)
    definitions = f"#define ESPDL_ALIGNED(n) __attribute__((aligned(n)))\n{text}"
    found = c_result(
        c_compiler, tmp_path, definitions, "", "values", count=len(bits), dtype=bits.dtype
    )
    differ = np.flatnonzero(found != bits)
    assert not len(differ), f"seed {SEED}: {bits[differ[:4]]} became {found[differ[:4]]}"


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]
)
def test_integers_keep_their_bits(dtype, c_compiler, tmp_path):
    if dtype == "bool":
        values = np.array([True, False])
    else:
        limits = np.iinfo(dtype)
        near = [limits.min, limits.min + 1, 0, 1, limits.max - 1, limits.max]
        values = np.array([*near, limits.max // 2, limits.min // 2], dtype)
    text = array_definition("values", values, 0)
    definitions = f"#define ESPDL_ALIGNED(n) __attribute__((aligned(n)))\n{text}"
    found = c_result(
        c_compiler, tmp_path, definitions, "", "values", count=len(values), dtype=values.dtype
    )
    np.testing.assert_array_equal(found, values)


def test_what_was_printed_before_is_printed_now():
    texts = {0.1: "0.100000001f", 1.0: "1.0f", -0.0: "-0.0f", 1e20: "1.00000002e+20f"}
    texts |= {np.inf: "INFINITY", -np.inf: "-INFINITY"}
    assert {value: float_literal(value) for value in texts} == texts
    assert float_literal(np.nan) == "NAN"


def test_integers_that_32_bits_do_not_hold_say_so():
    """Where `int` has 32 bits and `long` too, a bare number of 2^31 would be of another type."""
    values = np.array([(1 << 31) - 1, 1 << 31, -(1 << 31) + 1, -(1 << 31), -(1 << 31) - 1], "int64")
    text = array_definition("values", values, 0)
    printed = text[text.index("{") + 1 : text.index("}")].replace("\n", " ").split(",")
    assert [word.strip() for word in printed if word.strip()] == [
        *("2147483647", "2147483648LL", "-2147483647", "INT32_MIN", "-2147483649LL")
    ]


def test_a_large_array_is_data():
    values = np.random.default_rng(SEED).normal(size=100_003).astype(np.float32)
    text = array_definition("values", values, ALIGNMENT)
    read = [float(word.rstrip("f")) for word in text[text.index("{") + 1 : -4].split(",") if word]
    np.testing.assert_array_equal(np.array(read[: len(values)], np.float32), values)
