"""`tvm-espdl compare`: the first tensor where a board and the PC part."""

from __future__ import annotations

import argparse

from .image_options import add_image_options, sample_of
from .options import add_model_options, library_of, option

HELP = "Compare what a board has dumped with the PC, and name the first tensor that differs."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "model_path", "quantized ONNX model, or .espdl file", required=True)
    add_model_options(parser)
    option(
        parser,
        "dump",
        "what the board has sent: the monitor's log, a folder of .npy files, or an .npz",
        required=True,
    )
    option(parser, "input", "what the board was fed: image, .npy or .npz (default: as in the dump)")
    add_image_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison; the status is 1 where the two are not shown to be equal."""
    from ..debug import compare

    library = library_of(arguments.model_path, arguments)
    result = compare(library, arguments.dump, sample_of(arguments.input, library, arguments))
    arguments.verdict = 0 if result.ok else 1
    print(result)
    return int(arguments.verdict)
