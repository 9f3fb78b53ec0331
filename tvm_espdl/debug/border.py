"""Finds out what a firmware exchanges with its network, by the tensors in a dump and its name.

A firmware of another border has another name: what is not dumped is told from what is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from ..ops.base.rounding import Array
from ..program import Program
from ..program.border.formats import Wish, as_border, border_of
from ..program.border.ports import Border
from ..program.identity import identity
from ..program.passes.native_border import integers_of_input, integers_of_output, native_border
from .dump import Dump

Arrays = Mapping[str, Array]

#: Inputs of which a dump does not tell; more of them are taken to be alike.
_MOST_OPEN = 6


def border_of_dump(program: Program, board: Dump) -> Border:
    """The border whose firmware bears the dump's name; the model's own where none does."""
    if board.model_id in ("", identity(program)):
        return as_border(program)
    for inputs, outputs in _candidates(program, board):
        border = border_of(program, inputs, outputs)
        if identity(border.network) == board.model_id:
            return border
    return as_border(program)


def in_firmwares_layout(program: Program, border: Border, computed: Arrays) -> dict[str, Array]:
    """What the PC has computed of the tensors that firmware has, with axes in firmware's order.

    Parameters
    ----------
    program : Program
        The network on the PC.
    computed : mapping of str to numpy.ndarray
        Its tensors by name.
    """
    found = {name: array for name, array in computed.items() if name in border.program.values}
    for name, array in found.items():
        own, known = border.program.origins.get(name), program.origins.get(name)
        if own is None or (known is None and name not in program.inputs):
            continue  # what the compiler has added is the same in both
        count = len(own.turns) - (0 if known is None else len(known.turns))
        turned = array
        for shape, axes in reversed(own.turns[:count]):
            turned = turned.transpose(np.argsort(axes)).reshape(shape)
        found[name] = turned
    return found


def _candidates(program: Program, board: Dump) -> Iterator[tuple[Wish, Wish]]:
    """Formats that the tensors in a dump leave possible."""
    there = {*board.tensors, *board.checksums}
    named_in = dict(zip(program.input_names or program.inputs, program.inputs, strict=True))
    named_out = dict(zip(program.output_names or program.outputs, program.outputs, strict=True))
    outputs: Wish = {
        name: "native"
        for name, value in named_out.items()
        if value not in there and integers_of_output(program, value) is not None
    }
    sure, open_ = [], []
    for place, (name, value) in enumerate(named_in.items()):
        step = integers_of_input(program, value)
        if step is None:
            continue
        (integers,) = step.outputs
        if native_border(program, [name], []).inputs[place] == integers:
            open_.append(name)
        elif integers not in there:
            sure.append(name)
    few = len(open_) <= _MOST_OPEN
    chosen = product((True, False), repeat=len(open_)) if few else _alike(len(open_))
    for choice in chosen:
        of_open = [name for name, native in zip(open_, choice, strict=True) if native]
        yield dict.fromkeys([*sure, *of_open], "native"), outputs


def _alike(count: int) -> Iterator[tuple[bool, ...]]:
    yield (True,) * count
    yield (False,) * count
