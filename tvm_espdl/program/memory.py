"""Places every value of a program: in the caller's buffers, constants, states, or one static arena.

Values whose lives do not overlap may share bytes; a reshape shares its input's, and so does what a
kernel may compute in place. What kernels need is told; it moves no data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..ops.base.ccall import Needs
from ..ops.reshape import Reshape
from .program import Program, Step

#: Blocks begin at such a multiple, whatever kernels want.
ALIGNMENT = 16


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
    alignments, over_reads : mapping of str to int
        What the steps that read or write a value, or another one that is the same bytes, ask of
        its memory at most: bytes that it begins at a multiple of, and that may be read behind its
        last whole vector. A value that is missing asks nothing.
    """

    places: Mapping[str, Place]
    workspaces: tuple[int, ...]
    arena_bytes: int
    lower_bound: int
    alignments: Mapping[str, int]
    over_reads: Mapping[str, int]

    def readable_bytes(self, value: str, nbytes: int) -> int:
        """Bytes of a buffer that a value of `nbytes` is read from."""
        behind = self.over_reads.get(value, 0)
        return -(-nbytes // ALIGNMENT) * ALIGNMENT + behind if behind else nbytes

    def is_alias(self, step: Step) -> bool:
        """Whether a reshape's input and output are the same bytes, so that it need not run."""
        return _is_alias(step, self.places)


def _is_alias(step: Step, places: Mapping[str, Place]) -> bool:
    if not isinstance(step.operator, Reshape):
        return False
    return places[step.inputs[0]] == places[step.outputs[0]]


@dataclass
class _Block:
    """Bytes that live from one step to another; `names` share them."""

    names: list[str]
    size: int
    first: int
    last: int
    offset: int = 0


def plan(
    program: Program, needs: Mapping[int, Needs] | None = None, *, alignment: int = ALIGNMENT
) -> Plan:
    """Plan the memory of a program, for the chip or for the host.

    Parameters
    ----------
    program : Program
        Every value of it is placed.
    needs : mapping of int to Needs, optional
        What the kernels of steps (by index) ask of their memory; the others ask nothing.
    alignment : int
        Every block begins at a multiple of it, and of what kernels ask.

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
    asked = dict(needs or {})
    blocks = _blocks(program, places, asked)
    scratch = {
        i: _Block([f"workspace {i}"], need.workspace_bytes, i, i)
        for i, need in asked.items()
        if need.workspace_bytes
    }
    everything = [*blocks, *scratch.values()]
    alignment = math.lcm(alignment, *(need.alignment for need in asked.values()))
    for block in everything:
        block.size = -(-block.size // alignment) * alignment
    end = _place(everything)
    for block in blocks:
        places |= dict.fromkeys(block.names, Place("arena", block.offset))
    workspaces = tuple(scratch[i].offset if i in scratch else 0 for i in range(len(program.steps)))
    alignments, over_reads = _demands(program, asked, places)
    spare = max((over_reads.get(name, 0) for b in blocks for name in b.names), default=0)
    return Plan(places, workspaces, end + spare, _lower_bound(everything), alignments, over_reads)


def _demands(
    program: Program, needs: Mapping[int, Needs], places: Mapping[str, Place]
) -> tuple[dict[str, int], dict[str, int]]:
    """Alignment and over-read of values, as `Plan` has them."""
    alignments: dict[str, int] = {}
    over_reads: dict[str, int] = {}

    def ask(name: str, alignment: int, over_read: int) -> None:
        if alignment > 1:
            alignments[name] = math.lcm(alignments.get(name, 1), alignment)
        if over_read:
            over_reads[name] = max(over_reads.get(name, 0), over_read)

    # From the end, so that all readers of an alias have asked before its source is.
    for index, step in reversed([*enumerate(program.steps)]):
        if _is_alias(step, places):
            (view,) = step.outputs
            ask(step.inputs[0], alignments.get(view, 1), over_reads.get(view, 0))
        need = needs.get(index, Needs())
        for name in step.outputs:
            ask(name, need.alignment, 0)
        for name in step.inputs:
            ask(name, need.alignment, need.over_read)
    return alignments, over_reads


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


def _blocks(program: Program, places: dict[str, Place], needs: Mapping[int, Needs]) -> list[_Block]:
    last_use: dict[str, int] = {}
    for index, step in enumerate(program.steps):
        last_use |= dict.fromkeys(step.inputs, index)
    # They are copied into the states' own memory behind the last step.
    last_use |= dict.fromkeys((state.next for state in program.states), len(program.steps) - 1)
    blocks: list[_Block] = []
    of_value: dict[str, _Block] = {}
    for index, step in enumerate(program.steps):
        for name in step.outputs:
            end = last_use.get(name, index)
            if name in places:
                continue
            source = step.inputs[0] if isinstance(step.operator, Reshape) else ""
            shared = of_value.get(source) or _replaced(step, index, of_value, needs)
            if shared is not None:
                block = shared
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


def _replaced(
    step: Step, index: int, of_value: Mapping[str, _Block], needs: Mapping[int, Needs]
) -> _Block | None:
    """The block of an input that nobody reads afterwards, and that the result may be written over.

    A kernel works in place only where both have the same bytes, so that the block's size stays.
    """
    of_inputs = [of_value.get(name) for name in step.inputs]
    for place in needs[index].in_place if index in needs else ():
        block = of_inputs[place]
        if block is not None and block.last == index and of_inputs.count(block) == 1:
            return block
    return None


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
