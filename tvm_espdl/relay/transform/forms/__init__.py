"""Other spellings of what ESP-DL runs, brought into the one that patterns know.

Each file holds small passes over a canonical module. None changes a bit of any result: what cannot
be proven equal for every input stays as it is.
The input module is untouched, and a second run changes nothing.
"""

from __future__ import annotations

import tvm

from ....chips import Chip
from ...ir import is_plain_dataflow, main_of
from .biases import spell_biases
from .convolutions import absorb_paddings, spell_transposed_convolutions
from .groups import split_groups
from .numbers import spell_limits, spell_numbers
from .quantizations import (
    join_quantizations,
    quantize_moves,
    quantize_once,
    split_concatenations,
)
from .slopes import spell_slopes
from .states import cut_last_states, quantize_zero_states
from .widths import widen

__all__ = ["unify"]


def unify(mod: tvm.IRModule, chip: Chip) -> tvm.IRModule:
    """One form for biases, limits, paddings, activations and transposed convolutions.

    The module is canonical before and after; the chip decides how limits are rounded to integers.
    """
    if not is_plain_dataflow(main_of(mod)):
        return mod
    mod = widen(quantize_moves(quantize_once(mod)))
    mod = quantize_zero_states(cut_last_states(mod))
    mod = spell_transposed_convolutions(mod)
    mod = absorb_paddings(mod)
    mod = spell_biases(mod)
    mod = spell_slopes(split_groups(mod))
    mod = spell_limits(mod, chip)
    mod = spell_numbers(mod)
    mod = split_concatenations(mod)
    return join_quantizations(mod)
