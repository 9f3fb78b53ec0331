"""`tvm-espdl evaluate`: will it fit, how fast, and why, with the error stated."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..chips import find_chip
from ..errors import DataError
from .options import add_model_options, byte_count, option, real_number, whole_number
from .preview import library_of_what_compiles

if TYPE_CHECKING:
    from ..estimate import Estimate, Limits, Settings
    from ..estimate.factors import Calibration
    from ..library import Library

HELP = "Whether a model fits a chip, how long it takes there, and what would change that."

#: What says or makes something of one chip.
_OF_ONE_CHIP = ("target_chip", "json", "html", "calibrate", "calibration", "accuracy")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    parser.add_argument("model", help="ONNX model, quantized or float, or .espdl file")
    add_model_options(parser)
    add_report_options(parser)
    option(
        parser,
        "compare",
        "the model on several chips, a line each, instead of the report",
        nargs="+",
        metavar="CHIP",
    )
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page, too")


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """What is evaluated how, and what the status depends on."""
    option(parser, "as_is", "a float model as it is: all of it in float", action="store_true")
    option(
        parser,
        "kernels",
        "whose kernels the project calls",
        choices=("auto", "esp-dl", "portable"),
        default="auto",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures as JSON, too")
    option(
        parser,
        "accuracy",
        "report of the quantization (quantize --report FILE.json), shown beside the figures",
        metavar="FILE",
    )
    option(parser, "calibrate", "log of a firmware with TVM_ESPDL_PROFILE: refines the figures")
    option(parser, "calibration", "file that --calibrate writes; without it, the one that is used")
    limits = parser.add_argument_group("limits", "status 1 where the model is above one of them")
    option(limits, "max_ms", "milliseconds of an inference", type=real_number)
    option(limits, "max_ram", "bytes of internal memory; 200K, 1M", type=byte_count)
    option(limits, "max_flash", "bytes of constants in flash", type=byte_count)
    what_if = parser.add_argument_group("what if", "settings other than those of exported projects")
    option(what_if, "clock_mhz", "clock of the CPU", type=real_number)
    option(what_if, "data_cache_kb", "outermost data cache", type=whole_number)
    option(what_if, "cache_line", "bytes of a line of it", type=whole_number)
    option(what_if, "psram_mbps", "what the PSRAM gives, in 10^6 bytes a second", type=real_number)
    option(what_if, "flash_mbps", "what the flash gives", type=real_number)
    option(what_if, "weights", "where constants are read from", choices=("flash", "psram"))
    option(what_if, "tensors", "where the arena is", choices=("internal", "psram"))
    option(
        what_if,
        "filters",
        "those that are larger than a cache: in slices, or whole (TVM_ESPDL_WHOLE_FILTERS)",
        choices=("sliced", "whole"),
    )
    option(
        what_if,
        "internal_ram",
        "bytes of internal memory for tensors and states, as of export; the rest goes to PSRAM",
        type=byte_count,
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the estimate, and write what is asked for; the status is 1 above a limit."""
    from ..files.output_files import check_apart, check_new, write_set

    limits = limits_of(arguments)
    check_chips(arguments.compare or [arguments.target_chip], arguments)
    if arguments.compare:
        return _compare(arguments, limits)
    outputs = [path for path in (arguments.json, arguments.html) if path is not None]
    if arguments.calibrate is not None and arguments.calibration is not None:
        outputs.append(arguments.calibration)
    check_apart(*outputs)
    for path in outputs:
        check_new(path)
    estimate = estimate_of(arguments)
    broken = estimate.broken(limits)
    arguments.verdict = 1 if broken else 0
    write_set(reports_of(estimate, arguments.json, arguments.html))
    print(estimate)
    for line in broken:
        print(f"above the limit: {line}")
    return int(arguments.verdict)


def check_chips(names: Sequence[str | None], arguments: argparse.Namespace) -> None:
    """Refuse what makes no sense on one of these chips, before any work; None is the model's own.

    Raises EspdlError.
    """
    from ..estimate.evaluation import wanted_machine

    settings = settings_of(arguments)
    for name in names:
        if name is not None:
            wanted_machine(find_chip(name), settings, arguments.kernels)


def estimate_of(arguments: argparse.Namespace) -> Estimate:
    """The estimate that the arguments ask for."""
    from ..estimate import evaluate
    from ..files.accuracy_report import read_accuracy

    accuracy = None if arguments.accuracy is None else read_accuracy(arguments.accuracy)
    library, notes, left_out = library_of_what_compiles(arguments)
    settings, kernels = settings_of(arguments), arguments.kernels
    board = _calibration(library, arguments)
    return evaluate(
        *(library, settings),
        kernels=kernels,
        notes=notes,
        calibration=board,
        left_out=left_out,
        accuracy=accuracy,
    )


def _calibration(library: Library, arguments: argparse.Namespace) -> Calibration | None:
    """Factors of the user's board: from a log, which goes to a file, or from that file."""
    from ..estimate import evaluate
    from ..estimate.calibration import calibrated, load_calibration, save_calibration
    from ..files.profile_lines import read_profile

    if arguments.calibrate is None:
        if arguments.calibration is None:
            return None
        return load_calibration(arguments.calibration, library.chip.name)
    plain = evaluate(library, settings_of(arguments), kernels=arguments.kernels)
    found = calibrated(plain.figures, read_profile(Path(arguments.calibrate)))
    if arguments.calibration is not None:
        save_calibration(found, arguments.calibration)
    return found


def reports_of(estimate: Estimate, json: str | None, page: str | Path | None) -> dict[Path, bytes]:
    """The files that are wanted of an estimate, with their contents."""
    files = {} if json is None else {Path(json): estimate.to_json().encode()}
    return files if page is None else {**files, Path(page): estimate.html().encode()}


def settings_of(arguments: argparse.Namespace) -> Settings:
    """What the user states about the firmware."""
    from ..estimate import Settings

    names = vars(Settings())
    return Settings(**{name: getattr(arguments, name) for name in names})


def limits_of(arguments: argparse.Namespace) -> Limits:
    """What the model may take at most."""
    from ..estimate import Limits

    return Limits(arguments.max_ms, arguments.max_ram, arguments.max_flash)


def _compare(arguments: argparse.Namespace, limits: Limits) -> int:
    """A line for each chip; those above a limit say so."""
    unused = [name for name in _OF_ONE_CHIP if getattr(arguments, name)]
    if unused:
        raise DataError(
            "an option without effect",
            where=f"--{unused[0]}",
            found="--compare",
            allowed="one of them",
        )
    found = [
        estimate_of(argparse.Namespace(**{**vars(arguments), "target_chip": chip}))
        for chip in dict.fromkeys(find_chip(name).name for name in arguments.compare)
    ]
    broken = [estimate.broken(limits) for estimate in found]
    arguments.verdict = 1 if any(broken) else 0
    for estimate, lines in zip(found, broken, strict=True):
        print(estimate.verdict)
        for line in lines:
            print(f"  above the limit: {line}")
    return int(arguments.verdict)
