"""`tvm-espdl compare`: the first tensor where a board and the PC part."""

from __future__ import annotations

import argparse

from .options import add_model_options, key_of, option

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
    option(parser, "input", "what the board was fed, .npy or .npz (default: as in the dump)")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison; the status is 1 where the two are not shown to be equal."""
    from ..compilation import compile_file
    from ..debug import compare
    from ..files.array_files import load_arrays

    library = compile_file(
        arguments.model_path, arguments.target_chip, name=arguments.name, key=key_of(arguments)
    )
    inputs = None
    if arguments.input is not None:
        inputs = load_arrays(arguments.input, library.input_names)
    result = compare(library, arguments.dump, inputs)
    arguments.verdict = 0 if result.ok else 1
    print(result)
    return int(arguments.verdict)
