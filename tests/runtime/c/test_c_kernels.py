"""The C kernels against ESP-DL's own vectors and against `reference`: this PC, rv32, Xtensa."""

import dataclasses

import comparison
import numpy as np
import pytest
import tiles

from tvm_espdl.chips import FAMILIES
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.concat import MAX_INPUTS
from tvm_espdl.selftest.c_engine import Item
from tvm_espdl.toolchain.compiler import Compiler

SEED = 20240611
#: Floats that no integer holds, which compilers do not look for by themselves.
FLOAT_CASTS = "-fsanitize=float-cast-overflow"
families = pytest.mark.parametrize("family", FAMILIES)


def of_all_families(make, *arguments):
    """What `make(family, ...)` gives for each family, in one program: kernels compile only once."""
    joined = None
    for family in FAMILIES:
        lists = make(family, *arguments)
        joined = (
            lists if joined is None else tuple(a + b for a, b in zip(joined, lists, strict=True))
        )
    return joined


def vectors(family):
    items, expected, names = comparison.golden_items(family)
    return items, expected, [f"{name} on {family}" for name in names]


def random(family, seed):
    items, names = comparison.random_items(family, seed)
    return items, comparison.references(items), names


def drawn(family):
    return random(family, SEED + 1)


def overflowing(family):
    items, names = comparison.overflowing_items(family, SEED + 1)
    return items, comparison.references(items), names


def tiled(family):
    items, names = tiles.tiles(family, SEED)
    return items, comparison.references(items), names


def extreme(family):
    """What no number becomes is nobody's to say: it only must not be undefined."""
    items, names = comparison.extreme_items(family, SEED + 2)
    expected = []
    for item in items:
        known = all(np.isfinite(a).all() for a in item.inputs if a.dtype.kind == "f")
        expected.append(comparison.references([item])[0] if known else None)
    return items, expected, names


def joined(family):
    """As many tensors as a concatenation takes: they fill its descriptor."""
    rng, items = np.random.default_rng(SEED), []
    for dtype in ("int8", "int16"):
        arrays = [rng.integers(-99, 99, (2, n, 3)).astype(dtype) for n in range(1, MAX_INPUTS + 1)]
        parts = tuple(Tensor(dtype, array.shape, -3) for array in arrays)
        y = Tensor(dtype, (2, sum(part.shape[1] for part in parts), 3), -3)
        operator = operators()["concat"](parts, y, 1)
        items.append(Item(operator, comparison.chip_of(family), (), tuple(arrays)))
    return items, comparison.references(items), [f"{MAX_INPUTS} parts on {family}"] * len(items)


def together(family, *makers):
    """What several makers give, in one list."""
    parts = [make(family) for make in makers]
    return tuple([one for some in lists for one in some] for lists in zip(*parts, strict=True))


def everything(family):
    """Vectors, random cases and those of sums in one list."""
    return together(family, vectors, drawn, overflowing, tiled)


def test_golden_vectors(c_compiler):
    comparison.assert_same(c_compiler, *of_all_families(vectors))


def test_random_operators(c_compiler):
    comparison.assert_same(c_compiler, *of_all_families(random, SEED))


def test_tiles(c_compiler):
    comparison.assert_same(c_compiler, *of_all_families(tiled))


@families
def test_sums_that_leave_their_register(c_compiler, family):
    items, names = comparison.overflowing_items(family, SEED)
    expected = comparison.references(items)
    comparison.assert_same(c_compiler, items, expected, names)
    ordered = [item.operator.call(item.chip, *item.constants).fields["ordered"] for item in items]
    # Registers of 64 bits, and the 40 bits of remaining int8 channels, are out of reach.
    assert np.mean(ordered) > {"c": 0.4, "pie_v1": 0.8, "pie_v2": 0.4}[family]


@families
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_more_products_than_a_narrow_sum_holds(c_compiler, family, dtype):
    depth, columns, lowest = 140000, 3, np.iinfo(dtype).min
    x, w = (np.full(shape, lowest, dtype) for shape in ((1, depth), (depth, columns)))
    operator = operators()["gemm"](
        Tensor(dtype, x.shape, 0),
        Tensor(dtype, w.shape, -25 if dtype == "int8" else -33),
        None,
        Tensor(dtype, (1, columns), 0),
    )
    items = [Item(operator, comparison.chip_of(family), (w,), (x,))]
    comparison.assert_same(c_compiler, items, comparison.references(items), [family])


@pytest.mark.parametrize("family", ["pie_v1", "pie_v2"])
def test_registers_matter(family):
    """The overflowing cases are real: a chip without clamps gives other results."""
    items, _ = comparison.overflowing_items(family, SEED)
    for name in ("conv2d", "depthwise_conv2d"):
        chosen = [i for i in items if i.operator.name == name and i.operator.x.dtype == "int8"]
        plain = [dataclasses.replace(i, chip=comparison.chip_of("c")) for i in chosen]
        pairs = zip(comparison.references(chosen), comparison.references(plain), strict=True)
        assert sum(not np.array_equal(a, b) for a, b in pairs) > len(chosen) // 2


#: Right shifts that some chip's instruction cannot read: its kernels get the largest that it can.
BEYOND = (46, 63, 64, 65, 80)


def bias_items(family):
    """Sums that are the bias alone: ties at every shift, and more bits than a register keeps."""
    rng, items = np.random.default_rng(SEED), []
    for dtype, bias_dtype, most in (("int8", "int32", 31), ("int16", "int64", 46)):
        columns = 35
        x, w = np.zeros((1, 1), dtype), np.zeros((1, columns), dtype)
        for shift in (*range(1, most), *BEYOND):
            odd = min(shift, most - 1)
            quotients = rng.integers(-(1 << (most - odd)), 1 << (most - odd), columns)
            b = ((quotients * 2 + 1) << (odd - 1)).astype(bias_dtype)
            operator = operators()["gemm"](
                Tensor(dtype, x.shape, 0),
                Tensor(dtype, w.shape, -shift),
                Tensor(bias_dtype, b.shape, 0),
                Tensor(dtype, (1, columns), 0),
            )
            items.append(Item(operator, comparison.chip_of(family), (w, b), (x,)))
    return items


@families
def test_ties_and_wide_biases(c_compiler, family):
    items = bias_items(family)
    names = [str(item.operator) for item in items]
    comparison.assert_same(c_compiler, items, comparison.references(items), names)


@families
def test_products_are_shifted_by_what_instructions_read(c_compiler, family):
    chip, items = comparison.chip_of(family), []
    for dtype in ("int8", "int16"):
        a, b = (np.full(shape, np.iinfo(dtype).min, dtype) for shape in ((2, 40), (40, 19)))
        for shift in BEYOND:
            operator = operators()["matmul"](
                Tensor(dtype, a.shape, -shift),
                Tensor(dtype, b.shape, 0),
                Tensor(dtype, (2, 19), 0),
            )
            assert not operator.refusals(chip)
            assert operator.call(chip).fields["shift"] <= chip.most_right_shift(dtype) < 65
            items.append(Item(operator, chip, (), (a, b)))
    names = [str(item.operator) for item in items]
    comparison.assert_same(c_compiler, items, comparison.references(items), names)


def all_integers(dtype):
    limits = np.iinfo(dtype)
    return np.arange(limits.min, limits.max + 1).astype(dtype)


def exhaustive_items(family):
    """Every integer through every operator of one element, at many exponents."""
    chip, items = comparison.chip_of(family), []
    for dtype in ("int8", "int16"):
        x = all_integers(dtype)
        other = "int16" if dtype == "int8" else "int8"
        here = Tensor(dtype, x.shape, -5)
        items.append(
            Item(operators()["dequantize"](here, Tensor("float32", x.shape)), chip, (), (x,))
        )
        items.append(Item(operators()["softmax"](here, Tensor("float32", x.shape)), chip, (), (x,)))
        for delta in (*range(-9, 10), -31, -40, 17, 40):
            there = Tensor(dtype, x.shape, -5 + delta)
            for operator in (
                operators()["relu"](here, there),
                operators()["clip"](here, there, -77, 100),
                operators()["requantize"](here, there),
                operators()["requantize"](here, Tensor(other, x.shape, -5 + delta)),
            ):
                items.append(Item(operator, chip, (), (x,)))
    return items


def slope_items(family):
    """Every integer times slopes of both signs, by shifts at and beyond both ends."""
    chip, items = comparison.chip_of(family), []
    slopes = np.array([-128, -3, 5, 127])
    for dtype in ("int8", "int16"):
        x = all_integers(dtype).reshape(1, 1, -1, slopes.size)
        alpha = slopes.astype(dtype) * (1 if dtype == "int8" else 256)
        for shift in (-2, 0, 1, 2, 7, 15, 30, 31, 32, 40):
            here = Tensor(dtype, x.shape, -5)
            slope = Tensor(dtype, alpha.shape, -shift)
            operator = operators()["prelu"](here, here, slope, int(np.abs(alpha).max()))
            items.append(Item(operator, chip, (alpha,), (x,)))
    return items


@families
def test_every_integer_below_zero(c_compiler, family):
    items = slope_items(family)
    names = [str(item.operator) for item in items]
    comparison.assert_same(c_compiler, items, comparison.references(items), names)


@families
def test_every_integer(c_compiler, family):
    items = exhaustive_items(family)
    names = [str(item.operator) for item in items]
    comparison.assert_same(c_compiler, items, comparison.references(items), names)


@families
def test_results_of_8_bits_that_are_looked_up(c_compiler, family):
    """From the size on for which each integer's result is computed once, and just below."""
    items, rng = [], np.random.default_rng(SEED)
    for size in (255, 256, 257, 600):
        x = rng.integers(-128, 128, size).astype(np.int8)
        here, there = Tensor("int8", x.shape, -5), Tensor("int8", x.shape, -4)
        for operator in (
            operators()["clip"](here, there, -77, 100),
            operators()["requantize"](here, there),
            operators()["tanh"](here, there),
        ):
            items.append(Item(operator, comparison.chip_of(family), (), (x,)))
    names = [str(item.operator) for item in items]
    comparison.assert_same(c_compiler, items, comparison.references(items), names)


@families
def test_products_that_fill_a_float(c_compiler, family):
    """The float below 0.5 rounds up on chips without vectors: 2^24 - 1 shifted by 25."""
    a = np.array([[4095, 4095, -4095, 4097, 2896, 5793]], np.int16)
    b = np.array([[4097, 4096, 4097, -4095, 2896, 5793]], np.int16)
    items = []
    for shift in range(20, 28):
        operator = operators()["mul"](
            Tensor("int16", a.shape, 0),
            Tensor("int16", a.shape, 0),
            Tensor("int16", a.shape, shift),
        )
        items.append(Item(operator, comparison.chip_of(family), (), (a, b)))
    names = [str(item.operator) for item in items]
    comparison.assert_same(c_compiler, items, comparison.references(items), names)


@families
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_every_tie_of_quantize(c_compiler, family, dtype):
    """Halves, their neighbours among the floats, and everything out of range."""
    halves = (np.arange(-70000, 70001) / 2).astype(np.float32)
    up, down = np.float32(np.inf), np.float32(-np.inf)
    special = [np.nan, up, down, 3e38, -3e38, 1e-45, -1e-45, -0.0, 65536.5, -65536.5, 2.0**31]
    x = np.concatenate(
        [halves, np.nextafter(halves, up), np.nextafter(halves, down), np.float32(special)]
    )
    items = []
    for exponent in (-3, 0, 4):
        with np.errstate(over="ignore"):
            scaled = x * np.float32(2.0**exponent)
        operator = operators()["quantize"](
            Tensor("float32", x.shape), Tensor(dtype, x.shape, exponent)
        )
        items.append(Item(operator, comparison.chip_of(family), (), (scaled,)))
    names = [str(item.operator) for item in items]
    comparison.assert_same(c_compiler, items, comparison.references(items), names)


def test_no_undefined_behaviour_with_gcc(c_compiler):
    compiler = Compiler.sanitized().with_flags(FLOAT_CASTS)
    makers = (vectors, overflowing, tiled, extreme, joined)
    comparison.assert_same(compiler, *of_all_families(together, *makers))


def test_no_undefined_behaviour_with_clang(clang):
    compiler = Compiler.sanitized(clang=True).with_flags("-O2", FLOAT_CASTS)
    comparison.assert_same(compiler, *of_all_families(together, drawn, extreme))


def test_on_riscv(rv32):
    comparison.assert_same(rv32, *of_all_families(everything))


def test_on_riscv_without_fpu(rv32):
    compiler = Compiler.rv32(march="rv32imc", mabi="ilp32")
    comparison.assert_same(compiler, *comparison.golden_items("c"))


def test_in_c99(c_compiler):
    compiler = Compiler.host(standard="c99")
    comparison.assert_same(compiler, *comparison.golden_items("pie_v1"))


def test_on_xtensa(xtensa):
    comparison.assert_same(xtensa, *of_all_families(everything))
