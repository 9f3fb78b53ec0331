"""Where the values of a program lie on the chip, and what its constants take.

It asks the memory planner and the operators' own calls, as generated C does; it places nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from ..codegen.flash import CODE_BYTES
from ..codegen.literals import array_length
from ..ops import Operator
from ..ops.base.ccall import Needs
from ..ops.base.rounding import Array
from ..program import Program, Step
from ..program.kernels import Preference, kernel_of_step
from ..program.memory import Plan, plan
from .machine import Machine, Weights
from .traffic import Region

#: Bytes behind a constant of the program's that kernels may read.
_OVER_READ = 16


@dataclass(frozen=True)
class Layout:
    """Memory of a program.

    Attributes
    ----------
    plan : Plan
        Where each value is.
    in_psram : bool
        Whether the arena is in PSRAM: it does not fit into internal memory.
    weights : str
        `flash` or `psram`: where constants are read from.
    arena_bytes, state_bytes, buffer_bytes : int
        The arena, what is kept between runs, and the caller's inputs and outputs.
    constant_bytes : tuple of int
        Read-only data of each step, with what kernels may read behind it; 0 where an earlier one
        has the same bytes.
    other_constants : int
        Read-only data that steps share.
    live_bytes : tuple of int
        Of the arena, while each step runs.
    """

    plan: Plan
    in_psram: bool
    weights: Weights
    arena_bytes: int
    state_bytes: int
    buffer_bytes: int
    constant_bytes: tuple[int, ...]
    other_constants: int
    live_bytes: tuple[int, ...]

    def region(self, program: Program, value: str) -> Region | None:
        """Where a value's bytes are in external memory; None in internal memory."""
        place = self.plan.places[value]
        if place.kind != "arena" or not self.in_psram:
            return None
        return Region("arena", place.index, program.values[value].nbytes)

    @property
    def internal_bytes(self) -> int:
        """Of internal memory: static arrays of the network, the caller's buffers apart."""
        return self.state_bytes + (0 if self.in_psram else self.arena_bytes)

    @property
    def psram_bytes(self) -> int:
        """Of PSRAM: the arena, and constants that are copied there."""
        copied = self.flash_bytes if self.weights == "psram" else 0
        return copied + (self.arena_bytes if self.in_psram else 0)

    @property
    def flash_bytes(self) -> int:
        """All read-only data."""
        return sum(self.constant_bytes) + self.other_constants


def layout_of(program: Program, machine: Machine, kernels: Preference = "auto") -> Layout:
    """The layout of a program on a chip."""
    needs = {
        index: _needs(step, step.operator, program, kernels)
        for index, step in enumerate(program.steps)
        if isinstance(step.operator, Operator)
    }
    memory = plan(program, needs)
    own, shared = _constants(program, memory)
    sizes = {name: tensor.nbytes for name, tensor in program.values.items()}
    states = sum(sizes[state.value] for state in program.states)
    in_psram = _in_psram(memory.arena_bytes + states, machine)
    loaded = sum(own) + shared + (memory.arena_bytes if in_psram else 0)
    return Layout(
        plan=memory,
        in_psram=in_psram,
        weights=_weights(loaded, machine, uses_psram=in_psram),
        arena_bytes=memory.arena_bytes,
        state_bytes=states,
        buffer_bytes=sum(sizes[name] for name in (*program.inputs, *program.outputs)),
        constant_bytes=own,
        other_constants=shared,
        live_bytes=_live(program, memory, sizes, needs),
    )


def _in_psram(nbytes: int, machine: Machine) -> bool:
    if machine.tensors is not None:
        return machine.tensors == "psram"
    return machine.psram_mbps > 0 and nbytes > machine.internal_bytes


def _weights(loaded_bytes: int, machine: Machine, *, uses_psram: bool) -> Weights:
    """As projects have it: constants are run from PSRAM where that is on, and has room for them."""
    if machine.weights is not None:
        return machine.weights
    usual = next(iter(machine.chip.project.psram), None)
    if usual is None or not uses_psram or not usual.runs_code:
        return "flash"
    return "psram" if loaded_bytes + CODE_BYTES <= usual.least_bytes else "flash"


def _needs(step: Step, operator: Operator, program: Program, kernels: Preference) -> Needs:
    """As generated C has it: portable kernels read single elements of their inputs."""
    needs = operator.needs(program.chip)
    if kernel_of_step(step, program.chip, kernels) == "esp-dl":
        return needs
    return dataclasses.replace(needs, over_read=0, alignment=1)


def _constants(program: Program, memory: Plan) -> tuple[tuple[int, ...], int]:
    """Bytes of each step's own constants, and of those of the program."""
    seen: set[tuple[str, int, bytes]] = set()

    def added(array: Array, over_read: int) -> int:
        length = array_length(array, over_read)
        key = (str(array.dtype), length, array.tobytes())
        if key in seen:
            return 0
        seen.add(key)
        return length * array.itemsize

    shared = sum(added(array, _OVER_READ) for array in program.constants.values())
    own = []
    for step in program.steps:
        if not isinstance(step.operator, Operator) or memory.is_alias(step):
            own.append(0)
            continue
        call = step.operator.call(program.chip, *step.constants)
        own.append(sum(added(array, call.over_read) for array in call.arrays.values()))
    return tuple(own), shared


def _live(
    program: Program, memory: Plan, sizes: Mapping[str, int], needs: Mapping[int, Needs]
) -> tuple[int, ...]:
    """Bytes of the arena that hold something while each step runs."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, step in enumerate(program.steps):
        for name in step.outputs:
            first.setdefault(name, index)
        for name in (*step.inputs, *step.outputs):
            last[name] = index
    last |= dict.fromkeys((state.next for state in program.states), len(program.steps) - 1)
    live = []
    for index in range(len(program.steps)):
        spans = sorted(
            (memory.places[name].index, memory.places[name].index + sizes[name])
            for name, begin in first.items()
            if begin <= index <= last[name] and memory.places[name].kind == "arena"
        )
        total = needs[index].workspace_bytes if index in needs else 0
        reached = 0
        for start, end in spans:
            total += max(0, end - max(start, reached))
            reached = max(reached, end)
        live.append(total)
    return tuple(live)
