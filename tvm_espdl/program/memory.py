"""Places every value of a program: in the caller's buffers, constants, states, or one static arena.

Values whose lives do not overlap may share bytes; a reshape shares its input's. It moves no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ops.reshape import Reshape
from .program import Native, Program, Step

#: What the chip's vector kernels want: blocks begin at such a multiple, and so many bytes behind
#: the last one may be read.
ALIGNMENT = 16
OVER_READ = 16


@dataclass(frozen=True)
class Place:
    """Where a value lives.

    Attributes
    ----------
    kind : str
        `input` or `output` (the caller's buffer), `constant`, `state`, or `arena`.
    index : int
        Position among the inputs, outputs or states; byte offset in the arena; 0 for constants.
    """

    kind: str
    index: int


@dataclass(frozen=True)
class Plan:
    """A memory plan.

    Attributes
    ----------
    places : mapping of str to Place
        For every value that a step reads or writes.
    workspaces : tuple of int
        For each step, the offset of its scratch memory in the arena.
    arena_bytes : int
        Size of the arena, with the bytes that kernels may read beyond the last value.
    lower_bound : int
        Bytes that live at once in the fullest moment: no plan needs less.
    """

    places: Mapping[str, Place]
    workspaces: tuple[int, ...]
    arena_bytes: int
    lower_bound: int

    def is_alias(self, step: Step) -> bool:
        """Whether a reshape's input and output are the same bytes, so that it need not run."""
        if not isinstance(step.operator, Reshape):
            return False
        return self.places[step.inputs[0]] == self.places[step.outputs[0]]


@dataclass
class _Block:
    """Bytes that live from one step to another; `names` share them."""

    names: list[str]
    size: int
    first: int
    last: int
    offset: int = 0


def plan(
    program: Program,
    workspace_bytes: Mapping[int, int] | None = None,
    *,
    alignment: int = ALIGNMENT,
    over_read: int = OVER_READ,
) -> Plan:
    """Plan the memory of a program, for the chip or for the host.

    Parameters
    ----------
    program : Program
        Every value of it is placed.
    workspace_bytes : mapping of int to int, optional
        Scratch bytes that steps (by index) need while they run; a step that it does not name
        needs what its operator says, and a `Native` none.
    alignment : int
        Every block begins at a multiple of it.
    over_read : int
        Bytes that may be read behind the last block.

    Returns
    -------
    Plan
        Deterministic: larger blocks are placed first, each at the lowest offset that is free
        during its life.
    """
    places = {name: Place("input", i) for i, name in enumerate(program.inputs)}
    places |= {name: Place("constant", 0) for name in program.constants}
    places |= {state.value: Place("state", i) for i, state in enumerate(program.states)}
    for index, name in enumerate(program.outputs):
        if name not in places:
            places[name] = Place("output", index)
    places |= _replaced_states(program, places)
    blocks = _blocks(program, places)
    needed = {index: _workspace(step) for index, step in enumerate(program.steps)}
    needed.update(workspace_bytes or {})
    scratch = {i: _Block([f"workspace {i}"], size, i, i) for i, size in needed.items() if size}
    everything = [*blocks, *scratch.values()]
    for block in everything:
        block.size = -(-block.size // alignment) * alignment
    end = _place(everything)
    for block in blocks:
        places |= dict.fromkeys(block.names, Place("arena", block.offset))
    workspaces = tuple(scratch[i].offset if i in scratch else 0 for i in range(len(program.steps)))
    spare = over_read if everything else 0
    return Plan(places, workspaces, end + spare, _lower_bound(everything))


def _replaced_states(program: Program, places: Mapping[str, Place]) -> dict[str, Place]:
    """Next states that may be written over the old ones, which nobody reads any more by then."""
    found: dict[str, Place] = {}
    for index, state in enumerate(program.states):
        writers = [i for i, step in enumerate(program.steps) if state.next in step.outputs]
        readers = [i for i, step in enumerate(program.steps) if state.value in step.inputs]
        free = state.next not in places and state.next not in found
        if free and state.value not in program.outputs and max(readers, default=-1) < min(writers):
            found[state.next] = Place("state", index)
    return found


def _workspace(step: Step) -> int:
    return 0 if isinstance(step.operator, Native) else step.operator.workspace_bytes


def _blocks(program: Program, places: dict[str, Place]) -> list[_Block]:
    last_use: dict[str, int] = {}
    for index, step in enumerate(program.steps):
        last_use |= dict.fromkeys(step.inputs, index)
    blocks: list[_Block] = []
    of_value: dict[str, _Block] = {}
    for index, step in enumerate(program.steps):
        for name in step.outputs:
            end = last_use.get(name, index)
            if name in places:
                continue
            source = step.inputs[0] if isinstance(step.operator, Reshape) else ""
            if source in of_value:
                block = of_value[source]
                block.names.append(name)
                block.last = max(block.last, end)
            elif source and places[source].kind in ("input", "constant"):
                places[name] = places[source]
                continue
            else:
                block = _Block([name], program.values[name].nbytes, index, end)
                blocks.append(block)
            of_value[name] = block
    return blocks


def _place(blocks: list[_Block]) -> int:
    placed: list[_Block] = []
    for block in sorted(blocks, key=lambda b: (-b.size, b.first, b.names[0])):
        alive = [o for o in placed if o.first <= block.last and block.first <= o.last]
        block.offset = 0
        for other in sorted(alive, key=lambda o: o.offset):
            if other.offset - block.offset >= block.size:
                break
            block.offset = max(block.offset, other.offset + other.size)
        placed.append(block)
    return max((b.offset + b.size for b in placed), default=0)


def _lower_bound(blocks: list[_Block]) -> int:
    moments = {block.first for block in blocks}
    return max((sum(b.size for b in blocks if b.first <= m <= b.last) for m in moments), default=0)
