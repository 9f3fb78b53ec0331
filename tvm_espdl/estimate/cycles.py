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

import numpy as np

from ..chips import Chip
from ..ops import Operator
from ..ops.concat import Concat
from ..program import Native, Program, Step
from ..program.kernels import Kernel, Preference, kernel_of_step
from ..program.slices import slice_channels
from .access import accesses_of, slices_of
from .counting import esp_dl_instructions, portable_instructions
from .factors import Calibration
from .layout import Layout
from .machine import Machine, Weights
from .traffic import Access, Caches, Fills, Region
from .work import Work, work_of

#: Instructions of a product in float, in a loop of TVM's: with and without a unit for floats.
_FLOAT_PRODUCT = {True: 10.0, False: 90.0}
#: And of an element of any other function.
_FLOAT_ELEMENT = {True: 30.0, False: 200.0}
#: What ESP-DL's loop takes around a kernel at a position, beside what prices hold of it: assumed.
_OF_A_POSITION = 30.0


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
    slices : int
        Parts of its output channels, one after the other, so that their filters stay in a cache.
    """

    kernel: Kernel
    runs: bool
    instructions: float = 0.0
    fills: Fills = field(default_factory=Fills)
    counted: bool = True
    slices: int = 1


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
        if not isinstance(step.operator, Operator):
            fills = self.caches.run(self._accesses(index, ()))
            return Counts(kernel, True, _native(step.operator, chip), fills, counted=False)
        work = work_of(step.operator)
        works = work.in_slices(self._slice_channels(index, kernel))
        accesses = self._accesses(index, works)
        count = esp_dl_instructions if kernel == "esp-dl" else portable_instructions
        counted = [count(one, chip) for one in works]
        instructions = sum(one.instructions for one in counted)
        instructions += _OF_A_POSITION * _positions(work) * (len(works) - 1)
        known, fills = all(one.counted for one in counted), self.caches.run(accesses)
        return Counts(kernel, True, instructions, fills, known, len(works))

    def _pitch(self, index: int) -> int | None:
        """Bytes from one pixel of a step's result to the next, where they lie apart."""
        return self.layout.plan.pitches.get(self.program.steps[index].outputs[0])

    def _slice_channels(self, index: int, kernel: Kernel) -> int:
        operator = self.program.steps[index].operator
        if self.machine.filters == "whole" or not isinstance(operator, Operator):
            return 0
        return slice_channels(operator, self.machine.chip, kernel, self._pitch(index))

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

    def _accesses(self, index: int, works: Sequence[Work]) -> Iterable[Access]:
        """Of what an operator does, at once or in slices; of a function of TVM's without any."""
        step = self._step(index)
        inputs, writes = [*step.inputs], self._regions(step.outputs)
        # What an earlier step has as well is not in its own bytes.
        size = self.layout.constant_bytes[index] or sum(array.nbytes for array in step.constants)
        begin = self._constants
        self._constants += size
        weights = Region(("constants", index), begin, size) if size else None
        if not works:
            reads = self._regions(inputs)
            nbytes = sum(region.nbytes for region in (*reads, *writes))
            return [Access(reads, writes, weights, strips=max(1, nbytes // 1024))]
        if works[0].weight_bytes and not step.constants:
            # The second matrix of a product: it is a filter wherever it lies.
            *inputs, matrix = inputs
            weights = self._region(matrix)
        reads = self._regions(inputs)
        if len(works) == 1:
            return accesses_of(works[0], reads, writes, weights)
        (y,) = (self.program.values[name] for name in step.outputs)
        pitch = self._pitch(index) or y.shape[-1] * np.dtype(y.dtype).itemsize
        return slices_of(works, reads, writes, weights, (self.machine.line_bytes, pitch))

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


def _positions(work: Work) -> int:
    return work.rows if work.window is None else work.window.positions


@cache
def _rows() -> dict[str, dict[str, Any]]:
    text = (resources.files(__package__) / "data" / "cycles.json").read_text("utf-8")
    rows: dict[str, dict[str, Any]] = json.loads(text)
    assert all(math.isfinite(row["cycles per instruction"]) for row in rows.values())
    return rows
