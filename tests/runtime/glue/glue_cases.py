"""What the glue is tried on: ESP-DL's vectors, and random operators that its kernels compute."""

import re
from dataclasses import replace
from functools import cache
from itertools import chain, product
from typing import NamedTuple

import numpy as np
import random_operators
from espdl_double import Run, glue_sources
from random_operators.draws import integers, pick, window
from random_operators.weighted import overflowing, with_products

from tvm_espdl.chips import CHIPS, FAMILIES
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.broadcast import Broadcast
from tvm_espdl.ops.base.comparison import Comparison
from tvm_espdl.selftest import golden
from tvm_espdl.selftest.builders import trials_of

#: Operators that call another one's kernel.
SHARING = {"conv2d": ("conv1d", "gemm"), "depthwise_conv2d": ("depthwise_conv1d",)}

#: Of how many random records the rules let one pass: most exponents are beyond a PReLU.
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


@cache
def symbols(family):
    """The C functions that the glue defines for a family."""
    texts = [path.read_text() for path in glue_sources(family)]
    return {name for text in texts for name in re.findall(r'extern "C" void (\w+)\(', text)}


def vectors(family):
    """ESP-DL's vectors."""
    chip = chip_of(family)
    for case in golden.load():
        for trial in trials_of(case, family) or ():
            call = trial.operator.call(chip, *trial.constants)
            if call.function in symbols(chip.family):
                one = Run(call, trial.inputs, trial.operator.output)
                yield Sample(trial.name, trial.operator, trial.constants, one, trial.expected)


def drawn(family, number, samples, seed):
    """Random operators."""
    chip = chip_of(family)
    kernels = [path.stem.removeprefix("espdl_") for path in glue_sources(family)]
    for kernel in kernels:
        for name in (kernel, *SHARING.get(kernel, ())):
            most = number * ONE_OF.get(name, 1)
            for record in random_operators.records(name, chip.name, most, samples, seed):
                sets = zip(record.samples, record.references(), strict=True)
                yield from _runs(record.label, record.operator, chip, record.constants, sets)
    further = (_weighted(chip, seed), _broadcast(kernels, seed), _clips(seed))
    for operator, inputs, constants in chain(*further):
        label = f"seed {seed}: {operator.to_json()}"
        sets = [(inputs, operator.reference(chip, *inputs, *constants))]
        yield from _runs(label, operator, chip, constants, sets)
    for channels, (operator, inputs, constants) in _in_slices(chip, seed):
        label = f"seed {seed}, slices of {channels}: {operator.to_json()}"
        sets = [(inputs, operator.reference(chip, *inputs, *constants))]
        for one in _runs(label, operator, chip, constants, sets):
            run = replace(one.run, call=one.run.call.with_slices(channels))
            yield one._replace(run=run)


def _runs(label, operator, chip, constants, sets):
    if operator.refusals(chip):
        return
    call = operator.call(chip, *constants)
    if call.function in symbols(chip.family):
        for inputs, expected in sets:
            one = Run(call, tuple(inputs), operator.output)
            yield Sample(label, operator, constants, one, expected)


def _broadcast(kernels, seed):
    """Shapes that merge to three and to four dimensions."""
    rng = np.random.default_rng(seed)
    one, other = (
        [(2, 1, 3, 1), (2, 3, 1, 17), (3, 1, 40)],
        [(1, 4, 1, 17), (2, 1, 4, 17), (3, 2, 1)],
    )
    kinds = [operators()[name] for name in kernels]
    two = [kind for kind in kinds if issubclass(kind, Broadcast)]
    pairs = [*zip(one, other, strict=True), *zip(other, one, strict=True)]
    for kind, dtype, (a, b) in product(two, ("int8", "int16"), pairs):
        truth = issubclass(kind, Comparison)
        exponent = -4 if kind.form.exponents != "product" else 3 if dtype == "int8" else 11
        y = Tensor(
            "bool" if truth else dtype, np.broadcast_shapes(a, b), None if truth else exponent
        )
        record = kind(Tensor(dtype, a, -4), Tensor(dtype, b, -4), y)
        yield record, (integers(rng, dtype, a), integers(rng, dtype, b)), ()


#: Of Clips: those of ReLU6, on one side or neither, of one integer, crossing, and out of range.
LIMITS = ((0, 96), (-128, 127), (-(2**31), 2**31 - 1), (0, 2**31 - 1), (-(2**31), -5), (-1, -1))
LIMITS += ((40, 100), (-128, -128), (127, 127), (9, 8), (-300, -200), (200, 300), (-7, 32767))


def _clips(seed):
    """On sizes of no vector, of one, and of several strips with a rest."""
    rng = np.random.default_rng([seed, 3])
    for dtype, limits, size in product(("int8", "int16"), LIMITS, (5, 16, 45, 4999)):
        x = Tensor(dtype, (1, size), -4)
        record = operators()["clip"](x, x, *limits)
        yield record, (integers(rng, dtype, x.shape, pick(rng, 1.0, 0.01)),), ()


#: Channels in, channels out and channels of a slice, in vectors and single ones: whole vectors, a
#: last slice of one channel, of two, of all but one, and a slice that is as large as everything.
SLICES = (((2, 0), (6, 0), 2), ((1, 3), (8, 1), 2), ((2, 5), (8, 2), 3), ((0, 7), (2, 15), 1))
SLICES += (((1, 0), (5, 0), 3), ((3, 0), (2, 0), 2))


def _in_slices(chip, seed):
    """Layers in slices, some of which saturate, with and without bias, ReLU, pads and strides."""
    rng = np.random.default_rng([seed, len(chip.name)])
    for dtype, (*extents, each), name in product(
        ("int8", "int16"), SLICES, ("conv2d", "conv2d", "conv2d", "conv1d", "gemm")
    ):
        lanes = chip.lanes(dtype) or 4
        depth, channels = (vectors * lanes + rest for vectors, rest in extents)
        share = pick(rng, 1.0, 0.3, 0.03)
        if name == "gemm":
            x, w = integers(rng, dtype, (5, depth)), integers(rng, dtype, (depth, channels), share)
            yield each * lanes, with_products(rng, chip, name, (x, w), (5, channels))
            continue
        size, kernel, pads, strides, dilations, extent = window(rng)
        if name == "conv1d":
            size, kernel, extent = size[1:], kernel[1:], extent[1:]
            pads, strides, dilations = (0, pads[1], 0, pads[3]), (1, strides[1]), (1, dilations[1])
        x = integers(rng, dtype, (1, *size, depth))
        w = integers(rng, dtype, (channels, depth, *kernel), share)
        fields = {"pads": pads, "strides": strides, "dilations": dilations}
        made = with_products(rng, chip, name, (x, w), (1, *extent, channels), **fields)
        yield each * lanes, made


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
