"""`tvm-espdl compare`: the first layer where a board and the PC part, and whose fault it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .image_options import add_image_options, image_options_of, sample_of
from .options import add_model_options, key_of, library_of, option, real_number, whole_number

if TYPE_CHECKING:
    from ..debug import Dump

HELP = "Compare what a board has dumped with the PC, and name the layer that computes it wrong."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "model_path", "quantized ONNX model, or .espdl file", required=True)
    add_model_options(parser)
    option(
        parser,
        "dump",
        "what the board has sent: the monitor's log, a folder of .npy files, or an .npz",
    )
    option(
        parser,
        "tensor",
        "name of what stands in the log without one, tensors that ESP-DL's runtime has printed or "
        "groups of numbers; once for each, in their order",
        action="append",
        metavar="NAME",
    )
    _add_line_options(parser)
    option(parser, "input", "what the board was fed: image, .npy or .npz (default: as in the dump)")
    parser.add_argument("--json", metavar="FILE", help="write all figures as JSON, too")
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page, too")
    add_image_options(parser)


def _add_line_options(parser: argparse.ArgumentParser) -> None:
    option(parser, "port", "listen to the board's serial line instead: /dev/ttyUSB0, COM3, a URL")
    option(parser, "baud", "speed of the line (default: 115200)", type=whole_number)
    option(parser, "log", "keep all that came over the line in this file", metavar="FILE")
    option(
        parser, "timeout", "seconds to wait for a dump's next line (default: 30)", type=real_number
    )
    option(parser, "no_reset", "do not restart the board before listening", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison, and write what is asked for.

    The status is 1 where board and PC are not shown to be equal.
    """
    from ..debug import compare, read_dump
    from ..files.output_files import check_apart, check_new, write_set

    _check_source(arguments)
    given = (arguments.json, arguments.html, arguments.log)
    outputs = [path for path in given if path is not None]
    check_apart(*outputs)
    for path in outputs:
        check_new(path)
    library = library_of(arguments.model_path, arguments)
    if arguments.port is None:
        dump = read_dump(arguments.dump, arguments.tensor or ())
    else:
        dump = _captured(arguments)
    sample = sample_of(arguments.input, library, arguments)
    if sample is None and dump.tested:
        sample = _test_inputs(arguments)
    images = image_options_of(arguments)
    said = {name: images[name] for name in ("mean", "std") if name in images}
    result = compare(library, dump, sample, **said)
    arguments.verdict = 0 if result.ok else 1
    files = {} if arguments.json is None else {Path(arguments.json): result.to_json().encode()}
    if arguments.html is not None:
        files[Path(arguments.html)] = result.html().encode()
    write_set(files)
    print(result)
    return int(arguments.verdict)


def _check_source(arguments: argparse.Namespace) -> None:
    """Refuse two sources, or none, and options of one that the other does not have."""
    of_line = ("baud", "log", "timeout", "no_reset")
    given = {name: getattr(arguments, name) for name in of_line}
    stray = [
        f"--{name}" for name, value in given.items() if value is not None and value is not False
    ]
    if (arguments.dump is None) == (arguments.port is None):
        raise DataError(
            "one source of the dump is wanted",
            where="tvm-espdl compare",
            found="none" if arguments.dump is None else "two",
            allowed="--dump monitor.log, or --port /dev/ttyUSB0",
        )
    if arguments.port is None and stray:
        raise DataError("this is of a serial line", where=stray[0], try_="--port, or without it")
    if arguments.port is not None and arguments.tensor:
        raise DataError("this is of a saved log", where="--tensor", try_="--dump, or without it")


def _captured(arguments: argparse.Namespace) -> Dump:
    from ..debug.serial_capture import DEFAULT_BAUD, DEFAULT_SECONDS, capture

    seconds = DEFAULT_SECONDS if arguments.timeout is None else arguments.timeout
    baud = DEFAULT_BAUD if arguments.baud is None else arguments.baud
    for name, value in (("--timeout", seconds), ("--baud", baud)):
        if not value > 0:
            raise DataError("not positive", where=name, found=value)
    reset = not arguments.no_reset
    return capture(arguments.port, baud=baud, log=arguments.log, seconds=seconds, reset=reset)


def _test_inputs(arguments: argparse.Namespace) -> Any:
    """What `Model::test()` has fed the board with: the test vectors of its .espdl file."""
    from ..espdl import load
    from ..espdl.file import is_espdl
    from ..espdl.vectors import inputs_of

    if not is_espdl(arguments.model_path):
        return None
    return inputs_of(
        load(arguments.model_path, model=arguments.package_model, key=key_of(arguments))
    )
