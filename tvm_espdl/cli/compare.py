"""`tvm-espdl compare`: the first layer where a board and the PC part, and whose fault it is."""

from __future__ import annotations

import argparse
from pathlib import Path

from .image_options import add_image_options, image_options_of, sample_of
from .options import add_model_options, library_of, option

HELP = "Compare what a board has dumped with the PC, and name the layer that computes it wrong."


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
    parser.add_argument("--json", metavar="FILE", help="write all figures as JSON, too")
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page, too")
    add_image_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison, and write what is asked for.

    The status is 1 where board and PC are not shown to be equal.
    """
    from ..debug import compare
    from ..files.output_files import check_apart, check_new, write_set

    outputs = [path for path in (arguments.json, arguments.html) if path is not None]
    check_apart(*outputs)
    for path in outputs:
        check_new(path)
    library = library_of(arguments.model_path, arguments)
    sample = sample_of(arguments.input, library, arguments)
    images = image_options_of(arguments)
    said = {name: images[name] for name in ("mean", "std") if name in images}
    result = compare(library, arguments.dump, sample, **said)
    arguments.verdict = 0 if result.ok else 1
    files = {} if arguments.json is None else {Path(arguments.json): result.to_json().encode()}
    if arguments.html is not None:
        files[Path(arguments.html)] = result.html().encode()
    write_set(files)
    print(result)
    return int(arguments.verdict)
