"""Cycles of each call of a program: instructions and fetched bytes, each with its price.

The prices are what `scripts/fit_estimate.py` has found. It shows nothing, and gives no advice.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from ..chips import Chip
from ..ops import Operator
from ..ops.concat import Concat
from ..program import Native, Program, Step
from ..program.kernels import Kernel, Preference, kernel_of_step
from .access import accesses_of
from .counting import Counted, esp_dl_instructions, portable_instructions
from .factors import Calibration
from .layout import Layout
from .machine import Machine, Weights
from .traffic import Access, Caches, Fills, Region
from .work import Work, work_of

#: Instructions of a product in float, in a loop of TVM's: with and without a unit for floats.
_FLOAT_PRODUCT = {True: 10.0, False: 90.0}
#: And of an element of any other function.
_FLOAT_ELEMENT = {True: 30.0, False: 200.0}


@dataclass(frozen=True)
class Prices:
    """What cycles are made of on the chips of a family.

    Attributes
    ----------
    instruction, call : float
        Cycles.
    tensor_bytes : float
        A fetched byte of a tensor, in parts of what the bus takes: writing back is in it.
    fitted : bool
        Whether published latencies of these chips stand behind it.
    error_percent, largest_error_percent : float
        Of networks that the fit had not seen: the mean, and that of the worst of them.
    networks : int
        How many there are.
    """

    instruction: float
    call: float
    tensor_bytes: float
    fitted: bool
    error_percent: float
    largest_error_percent: float
    networks: int
    worst: str


@dataclass(frozen=True)
class Counts:
    """What one call does.

    Attributes
    ----------
    kernel : str
        `esp-dl`, `portable` or `tvm`.
    runs : bool
        False where the result is there already, as that of most reshapes.
    instructions : float
        Executed.
    fills : Fills
        Bytes that it fetches.
    counted : bool
        Whether its instructions follow from counts of the same kernel with such shapes.
    """

    kernel: Kernel
    runs: bool
    instructions: float = 0.0
    fills: Fills = field(default_factory=Fills)
    counted: bool = True


def prices_of(chip: Chip) -> Prices:
    """The prices on a chip."""
    row = _rows()[chip.family]
    return Prices(
        instruction=row["cycles per instruction"],
        call=row["cycles per call"],
        tensor_bytes=row["activation bytes"],
        fitted=chip.name in row.get("chips", ()),
        error_percent=row["mean error in percent"],
        largest_error_percent=row["largest error in percent"],
        networks=row["networks"],
        worst=row["worst"],
    )


def priced(
    counts: Counts, machine: Machine, weights: Weights, calibration: Calibration
) -> dict[str, float]:
    """Cycles of a call: `instructions`, `constants`, `tensors`, `inner cache`, `call`."""
    if not counts.runs:
        return {}
    prices, fills = prices_of(machine.chip), counts.fills
    cycles = {
        "instructions": counts.instructions * prices.instruction,
        "constants": fills.filter * machine.constant_cycles(weights),
        "tensors": fills.activation * machine.tensor_cycles * prices.tensor_bytes,
        "inner cache": fills.inner * machine.chip.external_memory.inner_cycles,
        "call": prices.call,
    }
    return {part: n * calibration.factor(counts.kernel, part) for part, n in cycles.items()}


def counts_of(
    program: Program, layout: Layout, machine: Machine, kernels: Preference = "auto"
) -> tuple[Counts, ...]:
    """The counts of each step, one after the other, from cold caches on."""
    run = _Run(program, layout, machine, kernels)
    return tuple(run.counts(index) for index in range(len(program.steps)))


class _Run:
    """One inference: the caches keep what earlier steps have left there."""

    def __init__(
        self, program: Program, layout: Layout, machine: Machine, kernels: Preference
    ) -> None:
        self.program, self.layout, self.machine, self.kernels = program, layout, machine, kernels
        self.caches = Caches(machine.caches, machine.line_bytes)
        self._constants = 0  # Bytes of those that were laid one behind the other.

    def counts(self, index: int) -> Counts:
        """The counts of a step."""
        step, chip = self._step(index), self.machine.chip
        kernel = kernel_of_step(step, chip, self.kernels)
        if self.layout.plan.is_alias(step):
            return Counts(kernel, runs=False)
        work = None
        if isinstance(step.operator, Operator):
            work = work_of(step.operator)
            count = esp_dl_instructions if kernel == "esp-dl" else portable_instructions
            counted = count(work, chip)
        else:
            counted = Counted(_native(step.operator, chip), counted=False)
        fills = self.caches.run(self._accesses(index, work))
        return Counts(kernel, True, counted.instructions, fills, counted.counted)

    def _step(self, index: int) -> Step:
        """What runs of a step: a concatenation copies the parts that are not in place already."""
        step, apart = self.program.steps[index], self.layout.plan.pitches
        operator = step.operator
        if not isinstance(operator, Concat) or apart.keys().isdisjoint(step.inputs):
            return step
        parts = [(n, x) for n, x in zip(step.inputs, operator.xs, strict=True) if n not in apart]
        if not parts:
            return step
        shape = list(operator.y.shape)
        shape[operator.axis] = sum(x.shape[operator.axis] for _, x in parts)
        y = dataclasses.replace(operator.y, shape=tuple(shape))
        copied = dataclasses.replace(operator, xs=tuple(x for _, x in parts), y=y)
        return dataclasses.replace(step, operator=copied, inputs=tuple(n for n, _ in parts))

    def _accesses(self, index: int, work: Work | None) -> Iterable[Access]:
        step = self._step(index)
        inputs, writes = [*step.inputs], self._regions(step.outputs)
        # What an earlier step has as well is not in its own bytes.
        size = self.layout.constant_bytes[index] or sum(array.nbytes for array in step.constants)
        begin = self._constants
        self._constants += size
        weights = Region(("constants", index), begin, size) if size else None
        if work is None:
            reads = self._regions(inputs)
            nbytes = sum(region.nbytes for region in (*reads, *writes))
            return [Access(reads, writes, weights, strips=max(1, nbytes // 1024))]
        if work.weight_bytes and not step.constants:
            # The second matrix of a product: it is a filter wherever it lies.
            *inputs, matrix = inputs
            weights = self._region(matrix)
        return accesses_of(work, self._regions(inputs), writes, weights)

    def _regions(self, names: Sequence[str]) -> list[Region]:
        return [region for name in names if (region := self._region(name)) is not None]

    def _region(self, name: str) -> Region | None:
        if name in self.program.constants:
            return Region(("constant", name), 0, self.program.values[name].nbytes)
        return self.layout.region(self.program, name)


def _native(function: Native, chip: Chip) -> float:
    """About the instructions of a function that TVM has compiled, by its name and types."""
    (result, *_), floats = function.outputs, chip.computes_floats
    name, elements = function.name, sum(t.size for t in (*function.inputs, *function.outputs))
    products = 0.0
    if len(function.inputs) > 1:
        second = function.inputs[1]
        if "conv" in name and len(second.shape) > 2:
            products = result.size * second.size / max(1, second.shape[0])
        elif "matmul" in name or "dense" in name:
            products = result.size * function.inputs[0].shape[-1]
    return _FLOAT_PRODUCT[floats] * products + _FLOAT_ELEMENT[floats] * elements


@cache
def _rows() -> dict[str, dict[str, Any]]:
    text = (resources.files(__package__) / "data" / "cycles.json").read_text("utf-8")
    rows: dict[str, dict[str, Any]] = json.loads(text)
    assert all(math.isfinite(row["cycles per instruction"]) for row in rows.values())
    return rows
