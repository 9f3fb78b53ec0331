"""What only the network can tell of a dump: names that files shorten, types of numbers.

Numbers are what ESP-DL's own runtime prints, and what people print and type.
"""

from __future__ import annotations

import re

from ..files.dump_names import file_stem
from ..ops import Tensor
from ..program import Program
from .dump import Dump
from .esp_dl_prints import DTYPES, PrintedTensor
from .typed_values import in_type_of


def settle(board: Dump, program: Program) -> None:
    """Give everything in a dump its name and its type, or say why that cannot be."""
    _find_shortened(board, program)
    for number, printed in enumerate(board.printed, 1):
        name = _name_of(printed, board, program)
        if name is None:
            shape = ", ".join(map(str, printed.shape))
            board.problems.append(
                f"printed tensor {number} ({printed.dtype}, shape [{shape}], exponent "
                f"{printed.exponent}): nothing says which tensor of the network it is; print its "
                "name in a line before it, or name it (--tensor)"
            )
            continue
        _take(board, name, printed)
    board.printed.clear()
    for name, array in board.typed.items():
        if name not in program.values:
            board.tensors[name] = array  # an unknown name is told of with all others
            continue
        fitting, said = in_type_of(array, program.values[name])
        if fitting is None:
            board.problems.append(f"{name}: {said}")
            continue
        board.tensors[name] = fitting
        if said:
            board.notes.append(f"{name}: {said}")
    board.typed.clear()


def _take(board: Dump, name: str, printed: PrintedTensor) -> None:
    if name in board.exponents:
        board.notes.append(f"{name}: is printed several times, the last one is taken")
        board.tensors.pop(name, None)
    board.exponents[name] = printed.exponent
    if printed.size != len(printed.values):
        board.problems.append(f"{name}: {len(printed.values)} of {printed.size} values came")
    own = Tensor(printed.dtype, printed.shape, printed.exponent)
    if printed.values and printed.dtype in DTYPES.values():
        fitting, said = in_type_of(printed.array, own)
    else:
        fitting, said = None, f"no values of type {printed.dtype} came"
    if fitting is None:
        board.problems.append(f"{name}: {said}")
    else:
        board.tensors[name] = fitting


def _find_shortened(board: Dump, program: Program) -> None:
    """Give tensors their names again whose files have shortened ones."""
    for name in program.values:
        stem = file_stem(name)
        if stem in board.tensors and stem != name and name not in board.tensors:
            board.tensors[name] = board.tensors.pop(stem)


def _name_of(printed: PrintedTensor, board: Dump, program: Program) -> str | None:
    """By the user, by the lines before it, or because no other tensor is like it."""
    if printed.name:
        return printed.name
    for line in printed.before:
        named = [name for name in program.values if _stands_in(name, line)]
        if named:
            return max(named, key=len)
    like = [
        name
        for name, tensor in program.values.items()
        if (tensor.shape, tensor.dtype) == (printed.shape, printed.dtype)
        and tensor.exponent in (printed.exponent, None)
        and name not in program.constants
    ]
    if len(like) != 1:
        return None
    board.notes.append(f"{like[0]}: a printed tensor is taken for it, no other one is like that")
    return like[0]


def _stands_in(name: str, line: str) -> bool:
    """Whether a line has the name as a word of its own."""
    return re.search(rf"(?<![\w/.]){re.escape(name)}(?![\w/])", line) is not None
