"""The library of a model for commands that report: a float one's as if it were quantized.

It chooses between what the rooms below offer, and says so on standard error; it judges nothing.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from ..chips import DEFAULT_CHIP, find_chip
from ..errors import ModelError
from ..report.text import visible
from .options import key_of, library_of

if TYPE_CHECKING:
    from ..library import Library
    from ..report.rows import LeftFloat

NOTE = (
    "note: the model is float; this is what would run once `tvm-espdl preprocess` and `quantize` "
    "have brought it to int8 (with made-up data here). --as_is shows it as it is."
)


def library_and_left_float(arguments: argparse.Namespace) -> tuple[Library, tuple[LeftFloat, ...]]:
    """The library of `arguments.model`, and what of a float one would stay float, with reasons.

    Errors are those of `compile_file` and `quantize_onnx`.
    """
    from ..compilation import compile_file
    from ..espdl.file import is_espdl
    from ..quantize.preview import is_float, preview
    from ..quantize.quantization import NothingToQuantize

    if arguments.as_is or is_espdl(arguments.model) or not is_float(arguments.model):
        return library_of(arguments.model, arguments), ()
    chip = find_chip(arguments.target_chip or DEFAULT_CHIP)
    try:
        model, left = preview(arguments.model, chip)
    except NothingToQuantize as error:
        raise ModelError(
            error.what,
            where=error.where,
            found=error.found,
            allowed=error.allowed,
            try_=f"{error.try_}; or --as_is, which shows it as it is",
        ) from None
    print(NOTE, file=sys.stderr)
    key = key_of(arguments)
    return compile_file(model, chip.name, name=arguments.package_model, key=key), left


def library_of_what_compiles(arguments: argparse.Namespace) -> tuple[Library, list[str], int]:
    """As `library_and_left_float`, of all that can be compiled.

    Also what could not be, or stays in float, in sentences; and how many operators could not be.
    """
    from ..espdl.file import is_espdl
    from ..onnx_graphs.leaving_out import before, left_out, of_open_size
    from ..onnx_graphs.model import load_model
    from ..relay.frontend.unsupported import unsupported_nodes

    try:
        return *_told(arguments, []), 0
    except ModelError:
        if is_espdl(arguments.model):
            raise
        model = load_model(arguments.model)
        foreign, open_ = unsupported_nodes(model), of_open_size(model)
        nodes = [node for node in model.graph.node if node in foreign or node in open_]
        if not nodes:
            raise
    told = [
        f"{node.name or node.output[0]} ({node.op_type}) "
        + ("cannot be compiled" if node in foreign else "has results whose size depends on values")
        + " and is not in the figures; try: "
        + ("write it with operators of docs/operators.md, or " if node in foreign else "")
        + f"cut the model there (preprocess --outputs {shlex.quote(visible(before(node, model)))})"
        for node in nodes
    ]
    rest = argparse.Namespace(**{**vars(arguments), "model": left_out(model, nodes)})
    return *_told(rest, told), len(nodes)


def _told(arguments: argparse.Namespace, told: list[str]) -> tuple[Library, list[str]]:
    """The library, and what has been said with what stays in float."""
    library, left = library_and_left_float(arguments)
    _ = library.program  # It is made when first asked for, and that may fail.
    floats = [f"{each.name} ({each.operator}) stays in float: {each.reason}" for each in left]
    return library, [*told, *floats]
