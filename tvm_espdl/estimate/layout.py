"""Where the values of a program lie on the chip, and what its constants take.

It asks the memory planner and the operators' own calls, as generated C does; it places nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..chips.settings import ANY_BOARD
from ..codegen.flash import CODE_BYTES
from ..codegen.literals import array_length
from ..codegen.memory_choice import PSRAM, MemoryChoice, pools_of, settled
from ..ops import Operator
from ..ops.base.ccall import Needs
from ..ops.base.rounding import Array
from ..program import Program, Step
from ..program.kernels import Preference, kernel_of_step
from ..program.memory import Plan, Planner, Pool
from .machine import Machine, Weights
from .traffic import Region

#: Bytes behind a constant of the program's that kernels may read.
_OVER_READ = 16

#: Numbers that an array must have: few are alike by chance.
_LEAST_NUMBERS = 256


@dataclass(frozen=True)
class Layout:
    """Memory of a program.

    Attributes
    ----------
    plan : Plan
        Where each value is.
    planner : Planner
        What says where they would be with other memory.
    weights : str
        `flash` or `psram`: where constants are read from.
    state_bytes, buffer_bytes : int
        What is kept between runs, and the caller's inputs and outputs.
    constant_bytes : tuple of int
        Read-only data of each step, with what kernels may read behind it; 0 where an earlier one
        has the same bytes.
    other_constants : int
        Read-only data that steps share.
    laid_out_again : int
        Of all these: weights that an earlier step has in another layout.
    unknown_workspaces : tuple of str
        Functions of TVM that work in memory which is not counted.
    planned_for : (str or None, int or None)
        Where the arena was to be, and bytes of internal memory that it might take.
    """

    plan: Plan
    planner: Planner = field(repr=False, compare=False)
    weights: Weights
    state_bytes: int
    buffer_bytes: int
    constant_bytes: tuple[int, ...]
    other_constants: int
    laid_out_again: int = 0
    unknown_workspaces: tuple[str, ...] = ()
    planned_for: tuple[str | None, int | None] = (None, None)

    def region(self, program: Program, value: str) -> Region | None:
        """Where a value's bytes are in external memory; None in internal memory."""
        place = self.plan.places[value]
        if place.kind != "arena" or self.plan.arenas[place.index].pool.name != PSRAM:
            return None
        return Region(("arena", place.index), place.offset, program.values[value].nbytes)

    @property
    def arena_bytes(self) -> tuple[int, int]:
        """Static arenas in internal memory, and in PSRAM."""
        in_psram = sum(arena.nbytes for arena in self.plan.arenas if arena.pool.name == PSRAM)
        return self.plan.arena_bytes - in_psram, in_psram

    @property
    def internal_bytes(self) -> int:
        """Of internal memory: static arrays of the network, the caller's buffers apart."""
        return self.state_bytes + self.arena_bytes[0]

    @property
    def psram_bytes(self) -> int:
        """Of PSRAM: the arena, and constants that are copied there."""
        copied = self.flash_bytes if self.weights == "psram" else 0
        return copied + self.arena_bytes[1]

    @property
    def flash_bytes(self) -> int:
        """All read-only data."""
        return sum(self.constant_bytes) + self.other_constants

    @cached_property
    def live_bytes(self) -> tuple[int, ...]:
        """Of all arenas, while each step runs."""
        steps = range(len(self.constant_bytes))
        blocks = self.plan.blocks
        return tuple(sum(b.nbytes for b in blocks if b.step <= i <= b.last) for i in steps)


def layout_of(
    program: Program,
    machine: Machine,
    kernels: Preference = "auto",
    workspaces: Mapping[int, int] | None = None,
) -> Layout:
    """The layout of a program on a chip.

    Parameters
    ----------
    workspaces : mapping of int to int, optional
        Bytes that functions of TVM work in, by their step, as far as they are known.
    """
    known = {} if workspaces is None else workspaces
    planner = _planner(program, kernels, known)
    memory = _plan(program, machine, planner)
    unknown = (
        step.operator.name
        for index, step in enumerate(program.steps)
        if not isinstance(step.operator, Operator) and index not in known
    )
    constants = _Constants()
    shared = sum(constants.add(array, _OVER_READ) for array in program.constants.values())
    own = tuple(constants.of_step(step, program, memory) for step in program.steps)
    sizes = {name: tensor.nbytes for name, tensor in program.values.items()}
    layout = Layout(
        plan=memory,
        planner=planner,
        weights="flash",
        state_bytes=sum(sizes[state.value] for state in program.states),
        buffer_bytes=sum(sizes[name] for name in (*program.inputs, *program.outputs)),
        constant_bytes=own,
        other_constants=shared,
        laid_out_again=constants.laid_out_again,
        unknown_workspaces=tuple(dict.fromkeys(unknown)),
        planned_for=(machine.tensors, machine.internal_ram),
    )
    return dataclasses.replace(layout, weights=_weights(layout, machine))


def moved(layout: Layout, program: Program, machine: Machine) -> Layout:
    """The same with arenas and constants where other settings have them."""
    memory = layout.plan
    if layout.planned_for != (machine.tensors, machine.internal_ram):
        memory = _plan(program, machine, layout.planner)
    planned_for = machine.tensors, machine.internal_ram
    layout = dataclasses.replace(layout, plan=memory, planned_for=planned_for)
    return dataclasses.replace(layout, weights=_weights(layout, machine))


def _planner(program: Program, kernels: Preference, workspaces: Mapping[int, int]) -> Planner:
    needs = {
        index: _needs(step, step.operator, program, kernels)
        for index, step in enumerate(program.steps)
        if isinstance(step.operator, Operator)
    }
    needs |= {index: Needs(nbytes) for index, nbytes in workspaces.items()}
    return Planner(program, needs)


def _plan(program: Program, machine: Machine, planner: Planner) -> Plan:
    if machine.tensors is None:
        choice = MemoryChoice(machine.internal_ram)
        return settled(program, choice, ANY_BOARD, planner.plan)[1]
    return planner.plan(_pools(program, machine))


def _pools(program: Program, machine: Machine) -> tuple[Pool, ...]:
    """Those of the memory that a user states."""
    usual = pools_of(program, MemoryChoice(machine.internal_ram))
    return tuple(pool for pool in usual if (pool.name == PSRAM) == (machine.tensors == "psram"))


def _weights(layout: Layout, machine: Machine) -> Weights:
    """As projects have it: constants are run from PSRAM where that is on, and has room for them."""
    if machine.weights is not None:
        return machine.weights
    usual = next(iter(machine.chip.project.psram), None)
    in_psram = layout.arena_bytes[1]
    if usual is None or not in_psram or not usual.runs_code:
        return "flash"
    loaded = layout.flash_bytes + in_psram + CODE_BYTES
    return "psram" if loaded <= usual.least_bytes else "flash"


def _needs(step: Step, operator: Operator, program: Program, kernels: Preference) -> Needs:
    """As generated C has it: portable kernels read single elements of their inputs."""
    needs = operator.needs(program.chip)
    if kernel_of_step(step, program.chip, kernels) == "esp-dl":
        return needs
    return dataclasses.replace(needs, over_read=0, alignment=1)


class _Constants:
    """Arrays that are stored once, whoever reads them, as in generated C."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, int, bytes]] = set()
        self._numbers: set[bytes] = set()
        #: Bytes of arrays of the same numbers as an earlier one's, in another order.
        self.laid_out_again = 0

    def of_step(self, step: Step, program: Program, memory: Plan) -> int:
        """Bytes that a step brings with it."""
        if not isinstance(step.operator, Operator) or memory.is_alias(step):
            return 0
        call = step.operator.call(program.chip, *step.constants)
        return sum(self.add(array, call.over_read) for array in call.arrays.values())

    def add(self, array: Array, over_read: int) -> int:
        """Bytes of an array, with what may be read behind it; 0 of one that is there."""
        length = array_length(array, over_read)
        key = (str(array.dtype), length, array.tobytes())
        if key in self._seen:
            return 0
        self._seen.add(key)
        nbytes = length * array.itemsize
        if array.itemsize <= 2 and array.dtype.kind == "i" and array.size >= _LEAST_NUMBERS:
            # How often each number occurs; layouts differ in padding, so zeros do not count.
            counts = np.bincount(array.reshape(-1).view(f"u{array.itemsize}"))
            numbers = counts[1:].tobytes()
            self.laid_out_again += nbytes if numbers in self._numbers else 0
            self._numbers.add(numbers)
        return nbytes
