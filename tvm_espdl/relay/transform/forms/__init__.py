"""Other spellings of what ESP-DL runs, brought into the one that patterns know.

Each file is one small pass over a canonical module. None changes a bit of any result: what cannot
be proven equal for every input stays as it is.
The input module is untouched, and a second run changes nothing.
"""

from __future__ import annotations

import tvm

from ....chips import Chip
from ...ir import is_plain_dataflow, main_of
from .biases import spell_biases
from .concatenations import split_concatenations
from .last_states import cut_last_states
from .limits import spell_limits
from .moves import quantize_moves
from .numbers import spell_numbers
from .paddings import absorb_paddings
from .quantizations import join_quantizations
from .states import quantize_zero_states
from .transposed_convolutions import spell_transposed_convolutions

__all__ = ["unify"]


def unify(mod: tvm.IRModule, chip: Chip) -> tvm.IRModule:
    """One form for biases, limits, paddings, activations and transposed convolutions.

    Parameters
    ----------
    mod : tvm.IRModule
        Canonical; the result is, too.
    chip : Chip
        Decides how limits are rounded to integers.
    """
    if not is_plain_dataflow(main_of(mod)):
        return mod
    mod = quantize_moves(mod)
    mod = quantize_zero_states(cut_last_states(mod))
    mod = spell_transposed_convolutions(mod)
    mod = absorb_paddings(mod)
    mod = spell_biases(mod)
    mod = spell_limits(mod, chip)
    mod = spell_numbers(mod)
    mod = split_concatenations(mod)
    return join_quantizations(mod)
