"""Which items the C kernels are tried on, and the comparison with what is expected of them."""

import numpy as np
import random_operators
from random_operators import count, wrong
from random_operators.weighted import overflowing

from tvm_espdl.chips import CHIPS, FAMILIES
from tvm_espdl.selftest import golden
from tvm_espdl.selftest.builders import trials_of
from tvm_espdl.selftest.c_engine import Item, run_c
from tvm_espdl.selftest.trial import Trial

RECORDS = 6
SAMPLES = 3  # of each record: one descriptor serves them all


def chip_of(family):
    return CHIPS[FAMILIES[family]]


def golden_items(family):
    """Items, trials and names of all vectors of implemented operators."""
    cases = golden.load()
    trials = [trial for case in cases for trial in trials_of(case, family) or ()]
    chip = chip_of(family)
    items = [Item(trial.operator, chip, trial.constants, trial.inputs) for trial in trials]
    return items, trials, [trial.name for trial in trials]


def random_items(family, seed, names=None):
    """Items of every operator, several inputs to each record, and how to repeat each."""
    items, labels = [], []
    for name in names or random_operators.GENERATORS:
        chip = FAMILIES[family]
        for record in random_operators.records(name, chip, count(RECORDS), SAMPLES, seed):
            for sample in record.samples:
                items.append(Item(record.operator, record.chip, record.constants, sample))
                labels.append(record.label)
    return items, labels


def overflowing_items(family, seed):
    """Convolutions that leave their registers: both dtypes, with and without remaining channels."""
    items = []
    for name in ("conv2d", "depthwise_conv2d"):
        for dtype in ("int8", "int16"):
            for channels in (16, 32, 19, 5):
                for number in range(3):
                    rng = np.random.default_rng([seed, number, len(items)])
                    arguments = (chip_of(family), name, dtype, channels)
                    operator, inputs, constants = overflowing(rng, *arguments)
                    items.append(Item(operator, chip_of(family), constants, inputs))
    return items, [f"overflow {i} of seed {seed} on {family}" for i in range(len(items))]


def extreme_items(family, seed):
    """Every operator on the ends of what its inputs and constants can hold, and on no number."""
    items, labels = [], []
    for name in random_operators.GENERATORS:
        for record in random_operators.records(name, FAMILIES[family], 2, 1, seed):
            for kind in EXTREMES:
                inputs = tuple(extreme(array, kind) for array in record.samples[0])
                items.append(Item(record.operator, record.chip, record.constants, inputs))
                labels.append(f"{kind}: {record.label}")
    return items, labels


#: Ends of integers, and of floats: the two of a pair stand side by side.
EXTREMES = {
    "lowest": ("min", "min"),
    "highest": ("max", "max"),
    "ends": ("min", "max"),
    "zero": (0, 0),
    "infinite": (-np.inf, np.inf),
    "small": (-1e-45, 1e-45),
    "none": (np.nan, np.nan),
}


def extreme(array, kind):
    """An array of the same form with extreme values; truth values and indices stay."""
    if array.dtype.kind == "f":
        ends = np.finfo(array.dtype)
    elif array.dtype in (np.int8, np.int16):
        ends = np.iinfo(array.dtype)
    else:
        return array
    pair = [getattr(ends, value) if isinstance(value, str) else value for value in EXTREMES[kind]]
    if array.dtype.kind != "f" and not np.isfinite(pair[0]):
        pair = [ends.max, ends.min]
    return np.resize(np.array(pair), array.shape).astype(array.dtype)


def references(items):
    return [item.operator.reference(item.chip, *item.inputs, *item.constants) for item in items]


def assert_same(compiler, items, expected, names):
    """Zero differences; one step where a result rests on a C library's `exp`.

    What is expected of an item is an array, or a vector's trial, which knows what it allows; None
    where it only has to end well.
    """
    assert items
    outputs = run_c(items, compiler=compiler)
    found = []
    for item, output, wanted, name in zip(items, outputs, expected, names, strict=True):
        if wanted is None:
            continue
        if isinstance(wanted, Trial):
            text = wanted.difference(output)
        else:
            off = wrong(output, wanted, item.operator)
            text = f"{off.sum()} of {off.size} values" if off.any() else ""
        if text:
            found.append(f"{text}: {name}")
    assert not found, f"{len(found)} of {len(items)} cases\n" + "\n".join(found[:10])
