"""What the glue is tried on: ESP-DL's vectors, and random operators that its kernels compute."""

import re
from itertools import product
from typing import NamedTuple

import numpy as np
import random_operators
from espdl_double import GLUE, Run
from random_operators.draws import integers, pick
from random_operators.weighted import overflowing, with_products

from tvm_espdl.chips import CHIPS, FAMILIES
from tvm_espdl.selftest import golden
from tvm_espdl.selftest.builders import operator_of

#: Operators that call another one's kernel.
SHARING = {"conv2d": ("conv1d", "gemm"), "depthwise_conv2d": ("depthwise_conv1d",)}

#: Of how many random records one is computable: most exponents are beyond a PReLU.
ONE_OF = {"prelu": 12}


class Sample(NamedTuple):
    """One operator with inputs; the name says how to get it again."""

    name: str
    operator: object
    constants: tuple
    run: Run
    expected: np.ndarray


def chip_of(family):
    return CHIPS[FAMILIES[family]]


def symbols():
    """The C functions that the glue defines."""
    texts = [path.read_text() for path in GLUE.glob("espdl_*.cpp")]
    return {name for text in texts for name in re.findall(r'extern "C" void (\w+)\(', text)}


def computable(operator, chip, constants):
    """Whether ESP-DL's kernels on the chip compute what `ops` defines."""
    if operator.refusals(chip):
        return False
    terms = operator.summed(*constants)
    if terms is None or not chip.vector_bytes:
        return True
    # Shifts that an instruction has bits for, and a bias that the register of a remainder holds.
    shifts = 31 if operator.inputs[0].dtype == "int8" else 63
    bias = () if terms.bias is None else terms.bias
    return max(operator.shifts) <= shifts and all(abs(int(b)) < 1 << 39 for b in bias)


def vectors(family):
    """ESP-DL's vectors."""
    chip = chip_of(family)
    for case in golden.load():
        built, expected = operator_of(case), case.expected(family)
        if built is None or expected is None:
            continue
        operator, names = built
        arrays = [case.arrays[name] for name in names]
        inputs, constants = arrays[: len(operator.inputs)], arrays[len(operator.inputs) :]
        call = operator.call(chip, *constants)
        if call.function in symbols():
            one = Run(call, tuple(inputs), operator.output)
            yield Sample(case.name, operator, tuple(constants), one, expected)


def drawn(family, number, samples, seed):
    """Random operators."""
    chip = chip_of(family)
    kernels = [path.stem.removeprefix("espdl_") for path in sorted(GLUE.glob("espdl_*.cpp"))]
    for kernel in kernels:
        for name in (kernel, *SHARING.get(kernel, ())):
            most = number * ONE_OF.get(name, 1)
            for record in random_operators.records(name, chip.name, most, samples, seed):
                sets = zip(record.samples, record.references(), strict=True)
                yield from _runs(record.label, record.operator, chip, record.constants, sets)
    for number_of, (operator, inputs, constants) in enumerate(_weighted(chip, seed)):
        label = f"weighted {number_of} of seed {seed}: {operator.to_json()}"
        sets = [(inputs, operator.reference(chip, *inputs, *constants))]
        yield from _runs(label, operator, chip, constants, sets)


def _runs(label, operator, chip, constants, sets):
    if not computable(operator, chip, constants):
        return
    call = operator.call(chip, *constants)
    if call.function in symbols():
        for inputs, expected in sets:
            one = Run(call, tuple(inputs), operator.output)
            yield Sample(label, operator, constants, one, expected)


def _weighted(chip, seed):
    """Convolutions whose sums leave their registers, and of every number of channels up to 65."""
    rng = np.random.default_rng(seed)
    names, dtypes = ("conv2d", "depthwise_conv2d"), ("int8", "int16")
    for name, dtype, channels in product(names, dtypes, (16, 19, 5)):
        yield overflowing(rng, chip, name, dtype, channels)
    for name, dtype, channels in product(names, dtypes, range(1, 66)):
        depth = channels if name == "depthwise_conv2d" else pick(rng, 1, 66 - channels, channels)
        kernel = pick(rng, (1, 1), (3, 3), (2, 3), (1, 5))
        x = integers(rng, dtype, (1, kernel[0] + 1, kernel[1] + 1, depth))
        shape = (channels, 1 if name == "depthwise_conv2d" else depth, *kernel)
        w = integers(rng, dtype, shape, pick(rng, 1.0, 0.03))
        yield with_products(rng, chip, name, (x, w), (1, 2, 2, channels))
