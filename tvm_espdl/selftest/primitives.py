"""Golden cases that are no operators: filter layouts, and the rounding functions themselves.

They are computed by the very functions that operators, host kernels and C generation use.
"""

from __future__ import annotations

from collections.abc import Callable

from ..chips import Chip
from ..ops.base.packing import pack_filter
from ..ops.base.rounding import Array, round_float, saturate, shift_and_round
from .golden import Case


def _filter_layout(case: Case, chip: Chip) -> Array:
    filter_ = case.arrays["w"]
    depthwise = case.entry["attrs"]["group"] != 1
    packed = pack_filter(chip, filter_, depthwise=depthwise)
    return packed.reshape(case.entry["output_shape"])


def _shift_and_round(case: Case, chip: Chip) -> Array:
    return shift_and_round(case.arrays["x"], case.arrays["shift"], chip)


def _round(case: Case, chip: Chip) -> Array:
    return saturate(round_float(case.arrays["x"], chip), "int32")


PRIMITIVES: dict[str, Callable[[Case, Chip], Array]] = {
    "filter_layout": _filter_layout,
    "round": _round,
    "shift_and_round": _shift_and_round,
}
