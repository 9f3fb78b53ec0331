"""One call of an operator with its arrays and what ESP-DL's own code made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ops import Operator, Tensor
from ..ops.base.rounding import Array
from .golden import Case

#: Float results rest on `expf` and `logf`: those of a C library, a few units in the last place.
FLOAT_STEP = 4e-7
#: A logarithm near 0 has no such relative accuracy: what it is taken of is rounded first.
ABSOLUTE_STEPS = {"log_softmax": 1e-6}


@dataclass(frozen=True, eq=False)
class Trial:
    """One call, of which a case has several where it has several results, or is run in a row."""

    case: Case
    #: Which result in which run, "" where there is but one.
    label: str
    operator: Operator
    #: As the operator's `inputs` and `constants` state them.
    inputs: tuple[Array, ...]
    constants: tuple[Array, ...]
    #: The result on the chips of one family.
    expected: Array

    @property
    def name(self) -> str:
        """Name of the case, and which of its calls."""
        return f"{self.case.name}:{self.label}" if self.label else self.case.name

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Inputs, then constants."""
        return (*self.inputs, *self.constants)

    def difference(self, actual: Array) -> str:
        """What of a result is not as expected, in words; "" where nothing is."""
        step = ABSOLUTE_STEPS.get(self.operator.name, 0.0)
        return difference(actual, self.expected, inexact=self.case.inexact, absolute=step)


def trial(
    case: Case, operator: Operator, names: dict[str, Array], expected: Array, label: str = ""
) -> Trial:
    """A call, its arrays checked against the record; `names` are in the order of the call.

    Raises
    ------
    DataError
        If an array is not of the type that the operator reads; the message names the case.
    """
    types = (*operator.inputs, *operator.constants)
    if len(types) != len(names):
        raise case.refuse("another number of arrays than the operator reads", list(names))
    for (name, array), tensor in zip(names.items(), types, strict=True):
        if (str(array.dtype), array.shape) != (tensor.dtype, tensor.shape):
            raise case.refuse(f"array {name!r} does not fit", _form(array), _form(tensor))
    arrays, count = tuple(names.values()), len(operator.inputs)
    return Trial(case, label, operator, arrays[:count], arrays[count:], expected)


def difference(
    actual: Array, expected: Array, *, inexact: bool = False, absolute: float = 0.0
) -> str:
    """What differs, in words; "" where nothing does.

    `inexact` allows one step: one integer, or a few units in the last place of a float. Floats may
    differ by `absolute` as well.
    """
    if (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
        return f"{_form(actual)} instead of {_form(expected)}"
    if expected.dtype == np.float32:
        tolerance = FLOAT_STEP if inexact else 0.0
        same = np.isclose(actual, expected, rtol=tolerance, atol=absolute, equal_nan=True)
    else:
        same = np.abs(actual.astype(np.int64) - expected.astype(np.int64)) <= int(inexact)
    if same.all():
        return ""
    at = int(np.flatnonzero(~same)[0])
    return (
        f"{int((~same).sum())} of {same.size} values differ, first at {at}: "
        f"{actual.ravel()[at]} instead of {expected.ravel()[at]}"
    )


def _form(of: Array | Tensor) -> str:
    return f"{of.dtype} {of.shape}"
