"""Widths in one word, and those of inputs and outputs: what they stand for among the options.

Must never be silent where a word and an option say different things.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EspdlError
from .mixed import AUTO, Goal

#: Extra cycles, as a share of those of the network in int8, that the mixed presets may spend.
BUDGETS = {"mix_light": 0.1, "mix_balance": 0.5}

PRECISIONS = ("int8", "int16", *BUDGETS)

WIDTHS = (8, 16)


@dataclass(frozen=True)
class Widths:
    """Which layers compute in int16, and how wide inputs and outputs are."""

    int16: tuple[str, ...]  #: Layers, patterns, and `AUTO`.
    goal: Goal
    input_bits: int | None = None  #: None: as the layers that read them, else as it suits.
    output_bits: int | None = None


def widths_of(
    precision: str | None,
    int16: tuple[str, ...],
    goal: Goal,
    *,
    input_bits: int | None,
    output_bits: int | None,
) -> Widths:
    """What the options about widths come to.

    Raises EspdlError if there is no such word or width, or if options contradict each other.
    """
    for name, bits in (("input_bits", input_bits), ("output_bits", output_bits)):
        if bits is not None and (isinstance(bits, bool) or bits not in WIDTHS):
            raise EspdlError(
                "no such width of integers",
                where=f"option {name}",
                found=repr(bits),
                allowed=", ".join(map(str, WIDTHS)),
            )
    if precision is None:
        return Widths(int16, goal, input_bits, output_bits)
    if precision not in PRECISIONS:
        raise EspdlError(
            "no such precision",
            where="option precision",
            found=repr(precision),
            allowed=", ".join(PRECISIONS),
            try_="int16 and float name single layers",
        )
    _check(precision, int16, goal, input_bits, output_bits)
    if precision in BUDGETS:
        goal = Goal(goal.wanted_snr, BUDGETS[precision])
        return Widths((*int16, AUTO), goal, input_bits, output_bits)
    return Widths(("*",) if precision == "int16" else (), goal, input_bits, output_bits)


def _check(
    precision: str,
    int16: tuple[str, ...],
    goal: Goal,
    input_bits: int | None,
    output_bits: int | None,
) -> None:
    mixed = precision in BUDGETS
    against = {
        "int16": AUTO in int16 if mixed else bool(int16),
        "wanted_snr": goal.wanted_snr is not None and not mixed,
        "budget": goal.budget is not None,
        "input_bits": precision == "int8" and input_bits == 16,
        "output_bits": precision == "int8" and output_bits == 16,
    }
    if found := [name for name, is_against in against.items() if is_against]:
        raise EspdlError(
            "options that say different things of the width of layers",
            where="option precision",
            found=f"precision={precision!r} and {', '.join(found)}",
            allowed="int8 alone; int16, its input_bits and output_bits; mix_light and mix_balance "
            "also with wanted_snr and with int16 layers by name",
            try_=f"leave out precision, or {', '.join(found)}",
        )
