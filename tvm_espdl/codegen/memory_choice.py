"""What a user chooses about a network's memory on the chip, and the pools that follow from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, cast, get_args

from ..chips import Chip
from ..chips.settings import ANY_BOARD, Board
from ..errors import DataError
from ..program import Program
from ..program.memory import Plan, Pool

#: The arena is static, or a buffer that the application gives.
ArenaKind = Literal["static", "caller"]
ARENAS: tuple[ArenaKind, ...] = get_args(ArenaKind)

#: Constants are read from the flash, or from PSRAM, where the first run copies them.
Weights = Literal["flash", "psram"]
WEIGHTS: tuple[Weights, ...] = get_args(Weights)

#: Names of pools.
INTERNAL, PSRAM, CALLER = "internal RAM", "PSRAM", "the caller's buffer"

#: Bytes from which on an output may make room for tensors.
LARGE_OUTPUT = 1024


@dataclass(frozen=True)
class MemoryChoice:
    """How a project's network uses memory; `choice_of` checks what users say.

    Attributes
    ----------
    internal_ram : int or None
        Bytes of internal RAM that arenas and states may take; None for what the chip has when
        ESP-IDF and the project's buffers for outputs have taken their part.
    arena : str
        `static` or `caller`.
    weights : str
        `flash` or `psram`.
    psram_outputs : frozenset of str
        Outputs (values of the program) whose buffers the project's main has in PSRAM; `settled`
        finds out which.
    """

    internal_ram: int | None = None
    arena: ArenaKind = "static"
    weights: Weights = "flash"
    psram_outputs: frozenset[str] = frozenset()

    def output_psram_bytes(self, program: Program) -> int:
        """PSRAM that buffers for outputs take."""
        return sum(
            program.values[name].nbytes for name in program.outputs if name in self.psram_outputs
        )


def choice_of(internal_ram: int | None, arena: str, weights: str) -> MemoryChoice:
    """A user's choice.

    Raises
    ------
    DataError
        If there is no such one.
    """
    for option, value, allowed in (("arena", arena, ARENAS), ("weights", weights, WEIGHTS)):
        if value not in allowed:
            raise DataError(
                "no such choice of memory",
                where=option,
                found=repr(value),
                allowed=", ".join(allowed),
            )
    if internal_ram is not None and (not isinstance(internal_ram, Integral) or internal_ram < 0):
        raise DataError(
            "internal RAM is a number of bytes, and not negative",
            where="internal_ram",
            found=repr(internal_ram),
            allowed="an integer from 0 on",
        )
    if internal_ram is not None and arena == "caller":
        raise DataError(
            "an option without effect",
            where="internal_ram",
            found="--internal_ram with --arena caller",
            allowed="one of them: a caller's buffer is where the caller has it",
        )
    bytes_ = None if internal_ram is None else int(internal_ram)
    return MemoryChoice(bytes_, cast(ArenaKind, arena), cast(Weights, weights))


#: All in static arrays, the constants in the flash.
DEFAULT_CHOICE = MemoryChoice()


def kept_bytes(program: Program, choice: MemoryChoice) -> int:
    """Internal RAM that is no arena: states, and the project's own buffers for outputs.

    Who says how much the network may take does not mean those.
    """
    names = [state.value for state in program.states]
    if choice.internal_ram is None:
        names += [name for name in program.outputs if name not in choice.psram_outputs]
    return sum(program.values[name].nbytes for name in names)


def settled(
    program: Program,
    choice: MemoryChoice,
    board: Board,
    planned: Callable[[Sequence[Pool]], Plan],
) -> tuple[MemoryChoice, Plan]:
    """The choice with all that follows from it, and the plan for its pools.

    Where not all fits into internal RAM, large outputs make room first: a run writes each of their
    bytes once.

    Parameters
    ----------
    planned : callable
        The plan for some pools.

    Raises
    ------
    DataError
        If more internal RAM is asked for than the chip has.
    """
    pools = pools_of(program, choice, board)
    plan = planned(pools)
    large = [n for n in program.outputs if program.values[n].nbytes >= LARGE_OUTPUT]
    if pools[-1].name != PSRAM or not large:
        return choice, plan
    outside = any(arena.nbytes for arena in plan.arenas if arena.pool.name == PSRAM)
    kept, (segment, *_) = (
        kept_bytes(program, choice),
        internal_segments(program.chip, choice, board),
    )
    if not outside and kept <= segment:
        return choice, plan
    choice = dataclasses.replace(choice, psram_outputs=frozenset(large))
    return choice, planned(pools_of(program, choice, board))


def internal_segments(chip: Chip, choice: MemoryChoice, board: Board = ANY_BOARD) -> list[int]:
    """Bytes of internal RAM that may be used, by segment, the largest first.

    Raises
    ------
    DataError
        If more is asked for than the chip has in all.
    """
    segments = sorted(chip.memories.internal(board.revision), reverse=True)
    if choice.internal_ram is None:
        return segments
    whole = sum(chip.memories.whole(board.revision))
    if choice.internal_ram > whole:
        raise DataError(
            "the chip has less internal RAM",
            where="internal_ram",
            found=f"{choice.internal_ram} bytes",
            allowed=f"at most {whole} bytes on {chip.name}, of which ESP-IDF needs some itself: "
            f"{sum(segments)} bytes by default",
        )
    if len(segments) == 1:
        return [choice.internal_ram]
    given, left = [], choice.internal_ram
    for segment in segments:
        given.append(min(segment, left))
        left -= given[-1]
    return given


def pools_of(program: Program, choice: MemoryChoice, board: Board = ANY_BOARD) -> Sequence[Pool]:
    """The pools of a program's chip, in the order in which they are filled.

    Raises
    ------
    DataError
        If more internal RAM is asked for than the chip has.
    """
    chip = program.chip
    if choice.arena == "caller":
        return (Pool(CALLER),)
    first, *others = internal_segments(chip, choice, board)
    pools = [Pool(INTERNAL, max(first - kept_bytes(program, choice), 0))]
    pools += [Pool(INTERNAL, size) for size in others if size]
    if chip.memories.psram and chip.project.memory(board) is not None:
        pools.append(Pool(PSRAM, chip.memories.psram))
    return tuple(pools)
