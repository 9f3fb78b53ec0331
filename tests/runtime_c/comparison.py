"""Which items the C kernels are tried on, and the comparison with what is expected of them."""

import numpy as np
import random_operators

from tvm_espdl.chips import CHIPS
from tvm_espdl.ops import operators
from tvm_espdl.selftest import golden
from tvm_espdl.selftest.c_engine import Item, run_c

CASES_PER_OPERATOR = 36
OF_LIBRARY_EXP = 4e-7


def chip_of(family):
    return CHIPS[golden.FAMILIES[family]]


def golden_items(family):
    """Items, expected outputs and names of all vectors of implemented operators."""
    items, expected, names = [], [], []
    for case in golden.load():
        built, output = golden.operator_of(case), case.expected(family)
        if built is None or output is None:
            continue
        operator, array_names = built
        arrays = [case.arrays[name] for name in array_names]
        inputs = len(operator.inputs)
        constants = tuple(arrays[inputs:])
        items.append(Item(operator, chip_of(family), constants, tuple(arrays[:inputs])))
        expected.append(output)
        names.append(case.name)
    return items, expected, names


def random_items(family, seed):
    """Items of every operator, and names that tell how to repeat each."""
    items, names = [], []
    for name in operators():
        for number in range(CASES_PER_OPERATOR):
            rng = np.random.default_rng([seed, number, len(items)])
            items.append(random_operators.of(name)(rng, chip_of(family)))
            names.append(f"{name} {number} of seed {seed} on {family}: {items[-1].operator}")
    return items, names


def overflowing_items(family, seed):
    """Convolutions that leave their registers: both dtypes, with and without remaining channels."""
    items = []
    for name in ("conv2d", "depthwise_conv2d"):
        for dtype in ("int8", "int16"):
            for channels in (16, 32, 19, 5):
                for number in range(3):
                    rng = np.random.default_rng([seed, number, len(items)])
                    arguments = (chip_of(family), name, dtype, channels)
                    items.append(random_operators.overflowing(rng, *arguments))
    return items, [f"overflow {i} of seed {seed} on {family}" for i in range(len(items))]


def references(items):
    return [item.operator.reference(item.chip, *item.inputs, *item.constants) for item in items]


def assert_same(compiler, items, expected, names):
    """Zero differences; float results may differ where they rest on a C library's `exp`."""
    outputs = run_c(items, compiler=compiler)
    wrong = []
    for item, output, wanted, name in zip(items, outputs, expected, names, strict=True):
        if item.operator.name == "softmax":
            same = np.allclose(output, wanted, rtol=OF_LIBRARY_EXP, atol=0, equal_nan=True)
        else:
            same = np.array_equal(output, wanted)
        if not same:
            wrong.append(f"{np.sum(output != wanted)} of {wanted.size} values: {name}")
    assert not wrong, f"{len(wrong)} of {len(items)} cases\n" + "\n".join(wrong[:10])
