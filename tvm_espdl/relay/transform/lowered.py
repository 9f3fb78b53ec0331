"""A module in the chip's layout: its operators are calls by name, beside them what each one is.

Plain data that `layout` makes and `relay.program` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import tvm

from ...chips import Chip
from ...ops import Operator
from ...ops.base.rounding import Array
from ...program import Turn


@dataclass(frozen=True, eq=False)
class Placed:
    """An operator in the chip's layout.

    Attributes
    ----------
    operator : Operator
        What is computed.
    constants : tuple of numpy.ndarray
        As the operator's `constants` state them.
    tensor : str
        What the model calls the result.
    covers : tuple of str
        The tensors of the model that it computes.
    turns : tuple of Turn
        What brings the elements of the result into the model's order.
    admits : tuple of str
        Names of rules that the operator breaks, and is to run all the same.
    """

    operator: Operator
    constants: tuple[Array, ...]
    tensor: str
    covers: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    admits: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Lowered:
    """A module whose operators work on integers in the chip's layout.

    Attributes
    ----------
    mod : tvm.IRModule
        `main` calls each operator with `call_dps_packed`, by a symbol of its own.
    chip : Chip
        For which it was lowered.
    calls : mapping of str to Placed
        The operators by their symbols, in the order of the calls.
    """

    mod: tvm.IRModule
    chip: Chip
    calls: Mapping[str, Placed] = field(default_factory=dict)
