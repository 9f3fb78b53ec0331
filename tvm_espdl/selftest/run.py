"""The self-test: every vector of a folder through an engine, compared with what ESP-DL computed.

An operator that this package does not know counts as failed, never as skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..chips import FAMILIES, Chip, find_chip
from ..errors import ChipError
from ..ops import Operator
from ..ops.base.packing import pack_filter
from ..ops.base.rounding import Array, round_float, saturate, shift_and_round
from . import golden
from .builders import operator_of
from .golden import Case

FLOAT_STEP = 4e-7  # a few units in the last place of float32, where a C library's expf decides


@dataclass(frozen=True, eq=False)
class Work:
    """One operator to run: a vector on a chip."""

    case: Case
    chip: Chip
    operator: Operator
    arrays: tuple[Array, ...]


@dataclass(frozen=True)
class Outcome:
    """How one vector came out on one chip, by their names; `failure` is "" where all is well."""

    case: str
    chip: str
    failure: str


Engine = Callable[[Sequence[Work]], list[Array]]


def run_selftest(
    engine: str = "host", folder: Path = golden.GOLDEN, chip: str | None = None
) -> list[Outcome]:
    """Run all vectors of a folder: `index.json` and the `.npz` files it names.

    The engine is `numpy`, `host` (LLVM) or `c` (gcc); without a chip, one of each family is taken.

    Raises
    ------
    ChipError
        If there is no such chip or engine.
    DataError
        If the folder cannot be read.
    ToolError
        If the C engine lacks its compiler.
    """
    if engine not in ENGINES:
        raise ChipError("unknown engine", found=repr(engine), allowed=", ".join(ENGINES))
    chips = [find_chip(name) for name in ([chip] if chip else FAMILIES.values())]
    outcomes: list[Outcome] = []
    work: list[Work] = []
    for one in chips:
        for case in golden.load(folder):
            if case.expected(one.family) is None:
                continue
            built = operator_of(case)
            if case.operator in PRIMITIVES:
                outcomes.append(_outcome(case, one, PRIMITIVES[case.operator](case, one)))
            elif built is None:
                outcomes.append(Outcome(case.name, one.name, "unknown operator"))
            else:
                operator, names = built
                work.append(Work(case, one, operator, tuple(case.arrays[n] for n in names)))
    for item, actual in zip(work, ENGINES[engine](work), strict=True):
        outcomes.append(_outcome(item.case, item.chip, actual))
    return outcomes


def _outcome(case: Case, chip: Chip, actual: Array) -> Outcome:
    expected = case.expected(chip.family)
    assert expected is not None
    return Outcome(case.name, chip.name, difference(actual, expected, inexact=case.inexact))


def difference(actual: Array, expected: Array, *, inexact: bool = False) -> str:
    """What differs, in words; "" where nothing does.

    `inexact` allows one step: one integer, or a few units in the last place of a float.
    """
    if (actual.dtype, actual.shape) != (expected.dtype, expected.shape):
        return f"{actual.dtype} {actual.shape} instead of {expected.dtype} {expected.shape}"
    if expected.dtype == np.float32:
        tolerance = FLOAT_STEP if inexact else 0.0
        same = np.isclose(actual, expected, rtol=tolerance, atol=0.0, equal_nan=True)
    else:
        same = np.abs(actual.astype(np.int64) - expected.astype(np.int64)) <= int(inexact)
    if same.all():
        return ""
    at = int(np.flatnonzero(~same)[0])
    return (
        f"{int((~same).sum())} of {same.size} values differ, first at {at}: "
        f"{actual.ravel()[at]} instead of {expected.ravel()[at]}"
    )


def _host(work: Sequence[Work]) -> list[Array]:
    from ..runtime.host import run_operators

    return run_operators([(item.operator, item.chip, item.arrays) for item in work])


def _c(work: Sequence[Work]) -> list[Array]:
    from .c_engine import Item, run_c

    items = []
    for item in work:
        inputs = len(item.operator.inputs)
        items.append(Item(item.operator, item.chip, item.arrays[inputs:], item.arrays[:inputs]))
    return run_c(items)


ENGINES: dict[str, Engine] = {
    "numpy": lambda work: [item.operator.reference(item.chip, *item.arrays) for item in work],
    "host": _host,
    "c": _c,
}


def _filter_layout(case: Case, chip: Chip) -> Array:
    filter_ = case.arrays["w"]
    depthwise = case.entry["attrs"]["group"] != 1
    packed = pack_filter(chip, filter_, depthwise=depthwise)
    return packed.reshape(case.entry["output_shape"])


#: Golden cases that are no operators; the very functions that all engines use compute them.
PRIMITIVES: dict[str, Callable[[Case, Chip], Array]] = {
    "filter_layout": _filter_layout,
    "round": lambda case, chip: saturate(round_float(case.arrays["x"], chip), "int32"),
    "shift_and_round": lambda case, chip: shift_and_round(
        case.arrays["x"], case.arrays["shift"], chip
    ),
}
