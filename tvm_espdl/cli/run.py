"""`tvm-espdl run`: a model on the PC, with the chip's exact bits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .edge import say
from .image_options import add_image_options, sample_of
from .options import add_model_options, key_of, library_of, option

if TYPE_CHECKING:
    from ..library import Library
    from ..ops.base.rounding import Array

HELP = "Run a model on the PC with the chip's exact bits."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    parser.add_argument("model", help="ONNX model, or .espdl file")
    option(
        parser,
        "input",
        "input data, image, .npy or .npz (.espdl: its test vectors where absent)",
    )
    option(parser, "output", "file to write, .npy, or .npz for several outputs")
    add_model_options(parser)
    option(parser, "dump", "folder for every tensor as the chip holds it, as .npy files")
    add_image_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the outputs; of an .espdl file without data, compare its test vectors."""
    from ..espdl.file import is_espdl
    from ..files.array_files import check_array_path
    from ..files.output_files import check_apart, check_new

    if arguments.output is not None:
        check_array_path(arguments.output)
    check_apart(arguments.output, arguments.dump)
    for path in (arguments.output, arguments.dump):
        if path is not None:
            check_new(path)
    if arguments.input is None and is_espdl(arguments.model):
        return _run_test_vectors(arguments)
    if arguments.input is None or arguments.output is None:
        raise DataError(
            "run needs data",
            where="tvm-espdl run",
            allowed="--input and --output; an .espdl file with test vectors alone",
        )
    library = library_of(arguments.model, arguments)
    _run(library, sample_of(arguments.input, library, arguments), arguments)
    say(f"wrote {arguments.output}")
    return 0


def _run(library: Library, inputs: Any, arguments: argparse.Namespace) -> dict[str, Array]:
    """The outputs of a first run; they and all tensors are written where that is asked for."""
    from ..debug import save_folder
    from ..files.array_files import save_arrays

    outputs = dict(zip(library.output_names, library.first_run(inputs), strict=True))
    if arguments.dump is not None:
        save_folder(Path(arguments.dump), library.observe(inputs))
    if arguments.output is not None:
        save_arrays(arguments.output, outputs)
    return outputs


def _run_test_vectors(arguments: argparse.Namespace) -> int:
    from ..compilation import compile_espdl
    from ..espdl import load
    from ..espdl.vectors import differences, inputs_of, outputs_of, simulated

    file = load(arguments.model, model=arguments.package_model, key=key_of(arguments))
    inputs, stored = inputs_of(file), outputs_of(file)
    library = compile_espdl(file, arguments.target_chip)
    computed = _run(library, inputs, arguments)
    found = differences(stored, computed)
    arguments.verdict = 1 if found else 0
    for text in (*found, simulated(stored, computed)):
        if text:
            print(text)
    print("FAIL" if found else f"PASS: {len(stored)} stored test outputs on {library.chip.name}")
    return int(arguments.verdict)
