"""Places every value of a program: in the caller's buffers, constants, states, or static arenas.

Values whose lives do not overlap may share bytes, and so do views and what a kernel may compute in
place. What kernels need is told; it moves no data.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from ...ops.base.ccall import Needs
from ..program import Program
from .group import Group
from .joining import joined
from .needs import over_reads, reads
from .placement import Area, Piece, Placement, lower_bound
from .plan import ALIGNMENT, Arena, Block, Place, Plan, Pool
from .pools import distribute
from .sharing import Sharing, shared

#: One array, as large as it needs to be.
ONE_ARENA = (Pool("arena"),)


def plan(
    program: Program,
    needs: Mapping[int, Needs] | None = None,
    *,
    alignment: int = ALIGNMENT,
    pools: Sequence[Pool] = ONE_ARENA,
) -> Plan:
    """Plan the memory of a program, for the chip or for the host.

    Parameters
    ----------
    program : Program
        Every value of it is placed.
    needs : mapping of int to Needs, optional
        What the kernels of steps (by index) ask of their memory; the others ask nothing.
    alignment : int
        Every block begins and ends at a multiple of it; a power of two.
    pools : sequence of Pool
        One arena is made for each, in the order in which they are filled.

    Returns
    -------
    Plan
        The same program always gives the same one. `Plan.fits` says whether the pools suffice.
    """
    return Planner(program, needs, alignment).plan(pools)


class Planner:
    """Plans a program's memory for one set of pools and another.

    Parameters are those of `plan`. What shares bytes does not depend on the pools, and is found
    once.
    """

    def __init__(
        self,
        program: Program,
        needs: Mapping[int, Needs] | None = None,
        alignment: int = ALIGNMENT,
    ) -> None:
        self._program, self._needs = program, dict(needs or {})
        self._sharing = sharing_of(program, self._needs, alignment)
        self._parts = parts_of(program, self._needs, self._sharing, alignment)
        self._placement = Placement([part.piece for part in self._parts])

    def plan(self, pools: Sequence[Pool] = ONE_ARENA) -> Plan:
        """The plan for some pools."""
        program, sharing, pieces = self._program, self._sharing, self._placement.pieces
        arenas, blocks = [], []
        places: dict[str, Place] = {}
        workspaces: list[Place | None] = [None] * len(program.steps)
        traffic = [part.traffic for part in self._parts]
        for number, begins in enumerate(distribute(self._placement, traffic, pools)):
            tops = (
                begin + area.end + area.behind
                for piece, begin in begins.items()
                for area in pieces[piece].areas
            )
            arenas.append(Arena(pools[number], max(tops, default=0)))
            for index, begin in begins.items():
                part = self._parts[index]
                for name, offset in part.offsets.items():
                    places[name] = Place("arena", number, begin + offset)
                if part.step is not None:
                    workspaces[part.step] = Place("arena", number, begin)
                blocks.append((index, part.block(number, begin)))
        places |= _in_known_memory(sharing)
        behind = over_reads(program, self._needs)
        alignments, reached = _demands(program, self._needs, sharing, behind)
        return Plan(
            places=places,
            workspaces=tuple(workspaces),
            arenas=tuple(arenas),
            blocks=tuple(block for _, block in sorted(blocks, key=lambda b: (b[1].step, b[0]))),
            lower_bound=self._placement.bound(range(len(pieces))).nbytes,
            views=frozenset(sharing.views),
            alignments=alignments,
            over_reads=reached,
            pitches=sharing.pitches,
        )


def sharing_of(program: Program, needs: Mapping[int, Needs], alignment: int = ALIGNMENT) -> Sharing:
    """What shares bytes in the plan of a program."""

    def least(sharing: Sharing) -> int:
        return lower_bound([part.piece for part in parts_of(program, needs, sharing, alignment)])

    return joined(program, needs, shared(program, needs), least)


@dataclasses.dataclass(frozen=True)
class Part:
    """A piece of an arena, and what it is: values by their offsets, or the workspace of a step."""

    piece: Piece
    traffic: int
    offsets: Mapping[str, int] = dataclasses.field(default_factory=dict)
    step: int | None = None

    def block(self, arena: int, begin: int) -> Block:
        """What it is once it lies in an arena."""
        piece = self.piece
        names = tuple(self.offsets)
        return Block(names, piece.first, piece.last, piece.size, self.traffic, arena, begin)


def parts_of(
    program: Program, needs: Mapping[int, Needs], sharing: Sharing, alignment: int = ALIGNMENT
) -> list[Part]:
    """What arenas have to hold: groups of values, and workspaces."""
    behind = over_reads(program, needs)
    groups = _of_groups(program, sharing, behind, alignment)
    return [*groups, *_of_workspaces(program, needs, alignment)]


def _of_groups(
    program: Program, sharing: Sharing, behind: Mapping[str, int], alignment: int
) -> list[Part]:
    accesses = dict.fromkeys(program.values, 0)
    for step in program.steps:
        if step.outputs[0] not in sharing.views:
            for name in step.outputs:
                accesses[name] += program.values[name].nbytes
            for name in step.inputs:
                accesses[name] += reads(program, step, name)
    return [
        _of_group(group, sharing, behind, alignment, accesses)
        for group in sharing.groups()
        if group.fixed is None
    ]


def _of_group(
    group: Group,
    sharing: Sharing,
    behind: Mapping[str, int],
    alignment: int,
    accesses: Mapping[str, int],
) -> Part:
    areas = [
        Area(
            (span.begin - group.origin) // alignment * alignment,
            -(-(span.end - group.origin) // alignment) * alignment,
            *(span.first, span.last, behind.get(name, 0)),
        )
        for name, offset in group.offsets.items()
        for span in sharing.spans(name, offset)
    ]
    begin = min(area.begin for area in areas)
    moved = [
        dataclasses.replace(area, begin=area.begin - begin, end=area.end - begin) for area in areas
    ]
    wanted = math.lcm(alignment, *(sharing.alignment[name] for name in group.offsets))
    offsets = {name: at - group.origin - begin for name, at in group.offsets.items()}
    traffic = sum(accesses[name] for name in group.offsets)
    unique = tuple(dict.fromkeys(moved))
    return Part(Piece(unique, wanted, begin % wanted), traffic, offsets)


def _of_workspaces(program: Program, needs: Mapping[int, Needs], alignment: int) -> list[Part]:
    found = []
    for step, need in needs.items():
        if need.workspace_bytes:
            size = -(-need.workspace_bytes // alignment) * alignment
            inputs = [reads(program, program.steps[step], n) for n in program.steps[step].inputs]
            traffic = max(2 * need.workspace_bytes, *inputs, 0)
            piece = Piece((Area(0, size, step, step),), math.lcm(alignment, need.alignment))
            found.append(Part(piece, traffic, step=step))
    return found


def _in_known_memory(sharing: Sharing) -> dict[str, Place]:
    return {
        name: dataclasses.replace(group.fixed, offset=at - group.origin)
        for group in sharing.groups()
        if group.fixed is not None
        for name, at in group.offsets.items()
    }


def _demands(
    program: Program, needs: Mapping[int, Needs], sharing: Sharing, behind: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """Alignment and over-read of values, as `Plan` has them."""
    alignments: dict[str, int] = {}
    reached = dict(behind)
    for index, need in needs.items():
        step = program.steps[index]
        for name in (*step.inputs, *step.outputs):
            if need.alignment > 1:
                alignments[name] = math.lcm(alignments.get(name, 1), need.alignment)
    for group in sharing.groups():
        if group.owner:
            wanted = math.lcm(*(alignments.get(name, 1) for name in group.offsets))
            if wanted > 1:
                alignments[group.owner] = wanted
            ends = [
                _rounded(at - group.origin + program.values[name].nbytes) + behind[name]
                for name, at in group.offsets.items()
                if name in behind
            ]
            if max(ends, default=0) > group.size:
                beyond = max(max(ends) - _rounded(group.size), ALIGNMENT)
                reached[group.owner] = max(reached.get(group.owner, 0), beyond)
    return alignments, reached


def _rounded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
