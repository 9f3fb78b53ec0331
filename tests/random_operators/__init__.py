"""Random operators with their arrays, one shared set for all engines; a seed repeats a case.

Each file of this package has tables that are merged here by being there:

* `GENERATORS`: operator name to `generate(rng, chip) -> (operator, inputs, constants)`, the latter
  two tuples of arrays as the record's `inputs` and `constants` state them. What it makes must be
  an operator that the engines can run; it need not be one that the chip's rules let pass.
* `INEXACT` (optional): operator name to `inexact(operator) -> bool`, True where a record rests on
  a function of a C library (`exp`), so that engines may differ by one step.
"""

import importlib
import os
import pkgutil
import zlib
from dataclasses import dataclass

import numpy as np

from tvm_espdl.chips import Chip, find_chip
from tvm_espdl.ops import Operator

STEP = 4e-7  # relative, of an inexact float result; an inexact integer may be off by 1


def _merged(table):
    found = {}
    for module in pkgutil.iter_modules(__path__):
        entries = vars(importlib.import_module(f"{__name__}.{module.name}")).get(table, {})
        assert not found.keys() & entries.keys(), f"{table} of {module.name} repeats an operator"
        found |= entries
    return found


GENERATORS = _merged("GENERATORS")
INEXACT = _merged("INEXACT")


@dataclass(frozen=True, eq=False)
class Record:
    """One random operator with several sets of inputs, for one build of it.

    `label` tells how to get it again.
    """

    label: str
    operator: Operator
    chip: Chip
    constants: tuple
    samples: list

    def references(self):
        """The result of each sample, by definition."""
        return [self.operator.reference(self.chip, *s, *self.constants) for s in self.samples]


def count(default):
    """How many records to try: `default`, or more by TVM_ESPDL_RANDOM_CASES."""
    return max(default, int(os.environ.get("TVM_ESPDL_RANDOM_CASES", "0")))


def records(name, chip, number, samples, seed=0):
    """`number` random records of an operator, each with as many inputs as `samples`."""
    made = []
    for case in range(number):
        key = zlib.crc32(f"{name} {chip} {case} {seed}".encode())
        rng = np.random.default_rng(key)
        operator, inputs, constants = GENERATORS[name](rng, find_chip(chip))
        more = [tuple(redrawn(rng, x) for x in inputs) for _ in range(samples - 1)]
        label = f"{name} on {chip}, seed {key}: {operator.to_json()}"
        made.append(Record(label, operator, find_chip(chip), tuple(constants), [inputs, *more]))
    return made


def redrawn(rng, array):
    """Other values of the same range: the same ones in another order, or new integers."""
    if rng.random() < 0.3 or not np.issubdtype(array.dtype, np.integer) or not array.size:
        return rng.permuted(array.ravel()).reshape(array.shape)
    values = rng.integers(int(array.min()), int(array.max()) + 1, array.shape)
    return values.astype(array.dtype)


def inexact(operator):
    """Whether engines may differ by one step."""
    return operator.name in INEXACT and INEXACT[operator.name](operator)


def wrong(result, expected, operator):
    """Which values of a result are not the expected ones, as a boolean array."""
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape), operator
    if np.array_equal(result, expected):
        return np.zeros(expected.shape, bool)
    if np.issubdtype(expected.dtype, np.integer):
        distance = np.abs(result.astype(np.int64) - expected.astype(np.int64))
        return distance > (1 if inexact(operator) else 0)
    tolerance = STEP if inexact(operator) else 0.0
    return ~np.isclose(result, expected, rtol=tolerance, atol=0, equal_nan=True)
