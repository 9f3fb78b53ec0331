"""Whether a network fits its chip's memory: if not, it is refused with numbers and what would help.

It compares sizes that others have computed.
"""

from __future__ import annotations

from ..chips import CHIPS, Chip
from ..chips.settings import ANY_BOARD, Board
from ..errors import ModelError
from ..program import Program
from ..program.memory import Plan
from .arenas import psram_bytes
from .flash import CODE_BYTES
from .memory_choice import MemoryChoice, internal_segments, kept_bytes


def check_fit(
    program: Program,
    plan: Plan,
    constant_bytes: int,
    choice: MemoryChoice,
    board: Board = ANY_BOARD,
) -> None:
    """Refuse what no firmware for the chip could hold.

    Parameters
    ----------
    constant_bytes : int
        Of the network's read-only data.

    Raises
    ------
    ModelError
        If arenas, states, constants or copies of them are too large.
    """
    _check_constants(program.chip, constant_bytes, choice)
    _check_arenas(program, plan, choice, board)
    _check_psram(program, plan, constant_bytes, choice, board)


def _check_constants(chip: Chip, constant_bytes: int, choice: MemoryChoice) -> None:
    memories = chip.memories
    code = 0 if memories.code_apart else CODE_BYTES
    if constant_bytes + code <= memories.mapped:
        return
    larger = [c.name for c in CHIPS.values() if constant_bytes + CODE_BYTES <= c.memories.mapped]
    beside = f", with at most {code} bytes of code" if code else ""
    raise ModelError(
        "the network does not fit the memory of the chip",
        where=f"weights and other constants on {chip.name}",
        found=f"{constant_bytes} bytes{beside}",
        allowed=f"{memories.mapped} bytes of flash that the chip sees as memory at once",
        try_="int8 in the place of int16, fewer channels"
        + (f", or another chip: {', '.join(larger)}" if larger else ""),
    )


def _check_arenas(program: Program, plan: Plan, choice: MemoryChoice, board: Board) -> None:
    chip, kept = program.chip, kept_bytes(program, choice)
    segments = internal_segments(chip, choice, board)
    if plan.fits and (choice.arena == "caller" or kept <= segments[0]):
        return
    largest = max(plan.blocks, key=lambda block: block.nbytes, default=None)
    psram = chip.project.memory(board) is not None and chip.memories.psram
    found = (
        f"{plan.arena_bytes} bytes for tensors (no plan needs less than {plan.lower_bound}) and "
        f"{kept} bytes for {'outputs and ' if choice.internal_ram is None else ''}states"
    )
    if largest is not None:
        names = ", ".join(map(repr, largest.names[:3])) or "the workspace of one step"
        found += f"; the largest piece, {largest.nbytes} bytes, holds {names}"
    raise ModelError(
        "the network does not fit the memory of the chip",
        where=f"tensors on {chip.name}",
        found=found,
        allowed=f"{' and '.join(map(str, segments))} bytes of internal RAM"
        + (f", {psram} bytes of PSRAM" if psram else ", no PSRAM")
        + ("" if choice.internal_ram is not None else "; ESP-IDF's part is taken off already"),
        try_=_advice(chip, choice, plan.arena_bytes, kept, bool(psram)),
    )


def _advice(chip: Chip, choice: MemoryChoice, arena: int, kept: int, psram: bool) -> str:
    """What would help a network whose tensors and states need so many bytes."""
    needed, advice = arena + kept, ["a smaller input, fewer channels in the first layers"]
    least, most = kept if psram else needed, max(chip.memories.internal())
    if choice.internal_ram is not None and choice.internal_ram < least <= most:
        states = ", where states lie" if kept and psram else ""
        advice.insert(0, f"--internal_ram {least} or more{states}")
    elif not psram:
        able = [
            other.name
            for other in CHIPS.values()
            if other is not chip
            and needed <= max(sum(other.memories.internal()), other.memories.psram)
        ]
        advice += [f"a chip with more memory: {', '.join(able)}"] if able else []
    if not psram and chip.memories.psram:
        advice.append("a board with PSRAM")
    return "; or ".join(advice)


def _check_psram(
    program: Program, plan: Plan, constant_bytes: int, choice: MemoryChoice, board: Board
) -> None:
    chip = program.chip
    copied = constant_bytes if choice.weights == "psram" else 0
    if copied and (not chip.memories.psram or chip.project.memory(board) is None):
        raise ModelError(
            "the constants cannot be copied to PSRAM",
            where=f"--weights psram on {chip.name}",
            found="no PSRAM",
            allowed="a chip and a board with PSRAM",
            try_="--weights flash",
        )
    needed = copied + psram_bytes(plan) + choice.output_psram_bytes(program)
    memories = chip.memories
    seen = needed + (constant_bytes + CODE_BYTES if memories.shared else 0)
    if needed and seen > memories.psram:
        beside = " beside code and constants in flash" if memories.shared else ""
        raise ModelError(
            "the network does not fit the memory of the chip",
            where=f"PSRAM on {chip.name}",
            found=f"{needed} bytes, {copied} of them for copies of constants",
            allowed=f"{memories.psram} bytes that the chip sees at once{beside}",
            try_="--weights flash" if copied else "a smaller input",
        )
