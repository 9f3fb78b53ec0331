"""The host library on PCs with aarch64: emulated, and bit for bit the references.

One build and one run of the emulator serve many cases. How fast the code is on such a CPU, no test
can say; how many products its inner loops add with each instruction, one does.
"""

import re

import numpy as np
import pytest
from foreign_pc import Call, run_calls
from host_cases import one
from host_networks import expected, image, residual
from lowered import by_reference, program_of
from networks import digits_arrays, quantized_digits
from product_cases import DENSE, DEPTHWISE, WINDOWS, convolution, edge, seeded
from random_operators import records, wrong
from random_operators.weighted import overflowing
from requirements_here import installed
from tvm.script.ir_builder import IRBuilder
from tvm.target import Target
from tvm.tirx.script import builder as T

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ToolError
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.runtime.host import HostModule, build_regions, host_target
from tvm_espdl.runtime.host.products import image as image_copies
from tvm_espdl.runtime.host.products.instructions import instructions_of
from tvm_espdl.runtime.host.run import program_of as program_of_one
from tvm_espdl.runtime.segments import calls_of, segments_of
from tvm_espdl.toolchain.compiler import Compiler

#: By the path of products, a CPU that has it: those of the Raspberry Pi 5 and 4.
CPUS = {"dotprod": "cortex-a76", "neon": "cortex-a72"}
WITH_SVE = "neoverse-v1"
CHIPS = ("esp32s3", "esp32p4", "esp32")
OPTIONS = ("-O1", "-static", "-std=gnu11", "-Wall", "-Werror")
PACKAGES = "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"


def pc(cpu):
    emulator = ("qemu-aarch64", "-cpu", cpu)
    return Compiler("aarch64", "aarch64-linux-gnu-gcc", OPTIONS, emulator, PACKAGES)


@pytest.fixture(scope="session")
def aarch64():
    return installed(pc("max"))


def target_of(cpu):
    level = host_target(None).attrs["opt-level"]
    triple = "aarch64-linux-gnu"
    return Target({"kind": "llvm", "mtriple": triple, "mcpu": cpu, "opt-level": level})


@pytest.fixture(params=CPUS)
def target(request):
    found = target_of(CPUS[request.param])
    assert instructions_of(found).name == request.param
    return found


def differences(compiler, cases, target):
    """One line for each sample whose result on the emulated PC is not its reference."""
    programs = {
        f"case_{n}": program_of_one(r.operator, r.chip, r.constants) for n, r in enumerate(cases)
    }
    samples = [
        (Call(symbol, inputs, (record.operator.output,)), record, wanted)
        for symbol, record in zip(programs, cases, strict=True)
        for inputs, wanted in zip(record.samples, record.references(), strict=True)
    ]
    module = build_regions(programs, target)
    results = run_calls(compiler, module, [call for call, _, _ in samples])
    found = []
    for (result,), (_, record, wanted) in zip(results, samples, strict=True):
        off = wrong(result, wanted, record.operator)
        if off.any():
            found.append(f"{off.sum()} of {off.size}: {record.label}")
    return found


def windows(rng, dtype):
    """Convolutions over all kinds of windows, channels and depths, and on all chips."""
    for n, (depth, channels) in enumerate((*DENSE, *((None, c) for c in DEPTHWISE))):
        chip, window = find_chip(CHIPS[n % 3]), WINDOWS[n % len(WINDOWS)]
        if dtype == "int8" or n % 2:
            yield convolution(rng, chip, window, depth, channels, dtype=dtype)


def beyond_registers(rng):
    """Sums that just leave the chip's register or just do not, and those that do by far."""
    chip = find_chip("esp32s3")
    yield from (edge(chip, beyond, sign) for beyond in (-1, 0, 1, 100) for sign in (1, -1))
    for name, dtype in (("conv2d", "int8"), ("depthwise_conv2d", "int8"), ("conv2d", "int16")):
        operator, inputs, constants = overflowing(rng, chip, name, dtype, 40)
        yield one(operator, chip, [*inputs, *constants])


def test_products(aarch64, target, monkeypatch):
    rng = seeded(167)
    dtypes = ("int8", "int16") if instructions_of(target).name == "neon" else ("int8",)
    cases = [*(case for dtype in dtypes for case in windows(rng, dtype)), *beyond_registers(rng)]
    monkeypatch.setattr(image_copies, "BLOCK_BYTES", 600)
    cases += [convolution(rng, find_chip("esp32"), WINDOWS[1], depth, 18) for depth in (17, None)]
    found = differences(aarch64, cases, target)
    assert not found, "\n".join(found)


def tables(rng):
    """All bytes looked up, and a few more than vectors have."""
    for size in (16, 256 + 21):
        x = np.resize(np.arange(-128, 128, dtype=np.int8), size)
        x_type, table = Tensor("int8", (size,), -4), rng.integers(-128, 128, 256).astype(np.int8)
        yield one(operators()["lut"](x_type, x_type, "sigmoid", 1), find_chip(CHIPS[0]), [x, table])


@pytest.mark.parametrize("cpu", [WITH_SVE, CPUS["neon"]])
def test_every_operator(aarch64, cpu):
    chips = CHIPS[:1] if cpu == WITH_SVE else CHIPS[1:]
    cases = [
        record
        for n, name in enumerate(operators())
        for record in records(name, chips[n % len(chips)], 1, 3, seed=168)
    ]
    cases += tables(seeded(171))
    found = differences(aarch64, cases, target_of(cpu))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("chip", CHIPS)
def test_networks(aarch64, chip):
    """The digits network, and one with all that the other has not, each called as a whole."""
    digits = program_of(quantized_digits(chip), chip)
    x = digits_arrays()["images"][:1]
    wanted = by_reference(digits, [x])
    small = residual(chip)
    cpu = (*CPUS.values(), WITH_SVE)[CHIPS.index(chip)]
    module, calls = HostModule(target_of(cpu)), []
    for name, program, given in (("digits", digits, x), ("small", small, image())):
        (segment,) = segments_of(program, module, calls_of(program, module, name), name)
        outputs = tuple(program.values[n] for n in segment.outputs)
        calls.append(Call(segment.symbol, (given,), outputs))
    (scores,), (chances,) = run_calls(aarch64, module.compile(), calls)
    np.testing.assert_array_equal(scores, wanted[digits.outputs[0]])
    np.testing.assert_array_equal(chances, expected(small, image())["h"])


def sums_and_products():
    """A function as TVM would have one: sums of products, in vectors and one after the other."""
    with IRBuilder() as builder, T.prim_func():
        x, y, z, last = (
            T.arg(name, T.buffer((size,), "float32"))
            for name, size in (("x", 64), ("y", 64), ("z", 64), ("last", 1))
        )
        with T.serial(64) as i:
            T.buffer_store(z, x[i] * y[i] + x[i], [i])
        T.buffer_store(last, T.float32(0), [0])
        with T.serial(64) as i:
            T.buffer_store(last, last[0] - x[i] * y[i], [0])
        with T.serial(64) as i:
            T.buffer_store(last, x[i] * y[i] + last[0], [0])
    return builder.get()


def test_functions_of_tvm_fuse_no_products(aarch64):
    print("seed", seed := 169)
    x, y = np.random.default_rng(seed).normal(0, 1, (2, 64)).astype(np.float32)
    module = HostModule(target_of(WITH_SVE))
    symbol = module.native(sums_and_products())
    outputs = (Tensor("float32", (64,)), Tensor("float32", (1,)))
    ((z, last),) = run_calls(aarch64, module.compile(), [Call(symbol, (x, y), outputs)])
    np.testing.assert_array_equal(z, x * y + x)
    total = np.float32(0)
    for product in (*(-x * y), *(x * y)):
        total = total + product
    np.testing.assert_array_equal(last, [total])


def test_a_cpu_that_lacks_something_is_told(aarch64):
    module = build_regions({"net": residual("esp32s3")}, target_of(CPUS["dotprod"]))
    call = Call("net", (image(),), (Tensor("float32", (1, 7)),))
    run_calls(aarch64, module, [call])
    with pytest.raises(ToolError, match=r"needs the CPU cortex-a76: dotprod .*; this PC lacks"):
        run_calls(pc(CPUS["neon"]), module, [call])


#: Products that an instruction adds, or multiplies where others add them; by the path, how many an
#: instruction of the inner loop adds at least, with those that load and count.
ADDED = {"sdot": 16, "smull": 8, "smull2": 8}
LEAST = {"dotprod": 8.5, "neon": 2.5}


def inner_loops(assembly):
    """Names of the instructions of each innermost loop."""
    lines = [line.partition("//")[0].strip() for line in assembly.splitlines()]
    lines = [line for line in lines if line and (line[0] != "." or re.match(r"\.LBB\w+:", line))]
    places = {line[:-1]: n for n, line in enumerate(lines) if line[0] == "."}
    for n, line in enumerate(lines):
        label = re.fullmatch(r"(?:b\.\w+|cbn?z\s+\w+,)\s*(\.L\w+)", line)
        body = lines[places.get(label[1], n) + 1 : n + 1] if label else []
        if body and not any(other[0] == "." for other in body):
            yield [other.split()[0] for other in body]


@pytest.mark.parametrize("kernel", [1, 3])
def test_products_added_by_an_instruction(target, kernel):
    """64 channels to 64: the registers are enough, and most of the loop are products."""
    pad, path = kernel // 2, instructions_of(target).name
    window = ((kernel, kernel), (1, 1), (1, 1), (pad,) * 4, (14, 14))
    record = convolution(seeded(170), find_chip("esp32p4"), window, 64, 64)
    program = program_of_one(record.operator, record.chip, record.constants)
    assembly = build_regions({"net": program}, target).inspect_source("asm")
    rates = [sum(ADDED.get(n, 0) for n in loop) / len(loop) for loop in inner_loops(assembly)]
    print(f"{path}, {kernel}x{kernel}: {max(rates):.1f} products an instruction")
    assert max(rates) >= LEAST[path]
