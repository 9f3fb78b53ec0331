"""`tvm-espdl opt_and_eval`: a model preprocessed, then evaluated, in one command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..chips import find_chip
from ..errors import DataError, ModelError
from .edge import complain, say
from .evaluate import (
    add_report_options,
    check_chips,
    estimate_of,
    limits_of,
    reports_of,
    settings_of,
)
from .options import add_espdl_options, option
from .preprocess import input_shape, shapes_of

if TYPE_CHECKING:
    from ..estimate import Estimate

#: What a search does not heed.
_NOT_SEARCHED = ("as_is", "calibrate", "calibration", "accuracy")

HELP = "Clean a model up and evaluate it on a chip, in one command."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    parser.add_argument("platform", help="chip, for example esp32s3")
    parser.add_argument("model", help="float ONNX model; of others -e alone")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("-o", "--optimizer-only", action="store_true", help="clean up only")
    only.add_argument("-e", "--evaluator-only", action="store_true", help="evaluate only")
    parser.add_argument(
        "-O", "--optimized-path", metavar="PATH", help="(default: <name>.opt.onnx beside the model)"
    )
    parser.add_argument(
        "-E",
        "--evaluator-report-path",
        metavar="PATH",
        help="page, or folder for it (default: <name>.report.html beside the model)",
    )
    option(
        parser,
        "deep_search",
        "try optional steps, places of weights and kernels, and take the fastest",
        action="store_true",
    )
    parser.add_argument("-P", "--profile", action="store_true", help="print a line for every call")
    option(
        parser,
        "input_shape",
        "whole shape of an input with dynamic dimensions, without a name of the only one; repeated",
        metavar="[NAME:]1,3,96,96",
        type=input_shape,
        action="append",
        default=[],
    )
    option(parser, "no_check", "do not compare with the original", action="store_true")
    add_espdl_options(parser)
    add_report_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write what is asked for; the status is 1 above a limit."""
    from ..espdl.file import is_espdl
    from ..files.output_files import check_apart, check_new, write_set
    from ..quantize.preview import is_float

    model, chip = Path(arguments.model), find_chip(arguments.platform)
    arguments.target_chip, limits = chip.name, limits_of(arguments)
    check_chips([chip.name], arguments)
    if (is_espdl(model) or not is_float(model)) and not arguments.evaluator_only:
        _refuse_other(model, arguments)
        complain(f"{model}: quantized already, so it is evaluated only (-e)")
        arguments.evaluator_only = True
    optimized, page = _outputs(model, arguments)
    check_apart(optimized, page, arguments.json)
    for path in (optimized, page, arguments.json):
        if path is not None:
            check_new(path)
    prepared, estimate = _found(model, arguments)
    files = {}
    if optimized is not None:
        files[optimized] = prepared.SerializeToString(deterministic=True)
    if estimate is not None:
        files |= reports_of(estimate, arguments.json, page)
    write_set(files)
    if optimized is not None:
        say(f"wrote {optimized}")
    if page is None or estimate is None:
        return 0
    broken = estimate.broken(limits)
    arguments.verdict = 1 if broken else 0
    print(estimate.text(every=True) if arguments.profile else estimate)
    say(f"wrote {page}")
    for line in broken:
        print(f"above the limit: {line}")
    return int(arguments.verdict)


def _refuse_other(model: Path, arguments: argparse.Namespace) -> None:
    """A quantized model cannot be optimized, whoever asks for it."""
    if arguments.optimizer_only or arguments.deep_search:
        raise ModelError(
            "the model is quantized: there is nothing to clean up or to try",
            where=str(model),
            allowed="a float ONNX model, or -e",
            try_=f"tvm-espdl opt_and_eval {arguments.platform} {model} -e",
        )


def _outputs(model: Path, arguments: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """Where the model and the page go; None for what is not made."""
    from ..files.output_files import path_of

    given = arguments.evaluator_report_path
    unasked = (given, arguments.json, arguments.accuracy)
    if arguments.optimizer_only and any(path is not None for path in unasked):
        raise DataError(
            "an option without effect",
            where="-E, --json or --accuracy",
            found="-o",
            try_="without -o",
        )
    if arguments.evaluator_only and arguments.optimized_path is not None:
        raise DataError("an option without effect", where="-O", found="-e", try_="without -e")
    unused = [name for name in _NOT_SEARCHED if getattr(arguments, name)]
    if arguments.deep_search and unused:
        raise DataError(
            "an option without effect",
            where=f"--{unused[0]}",
            found="--deep-search",
            allowed="one of them",
        )
    chosen = arguments.optimized_path
    optimized = path_of(model.with_name(f"{model.stem}.opt.onnx") if chosen is None else chosen)
    page = path_of(model.with_name(f"{model.stem}.report.html") if given is None else given)
    if page.is_dir():
        page /= f"{model.stem}.report.html"
    return (
        None if arguments.evaluator_only else optimized,
        None if arguments.optimizer_only else page,
    )


def _found(model: Path, arguments: argparse.Namespace) -> tuple[Any, Estimate | None]:
    """The model cleaned up and its estimate; None for what is not made."""
    from ..deep_search import deep_search
    from ..preprocess import preprocess_with_report

    choices: dict[str, Any] = {
        "input_shapes": shapes_of(arguments.input_shape),
        "check": not arguments.no_check,
    }
    if arguments.deep_search:
        chip, settings = find_chip(arguments.platform), settings_of(arguments)
        kernels = None if arguments.kernels == "auto" else (arguments.kernels,)
        trials = deep_search(model, chip, settings, kernels, **choices)
        for trial in trials:
            print(f"{trial.estimate.milliseconds:10.3f} ms: {trial.options}")
        return trials[0].model, trials[0].estimate
    prepared = None
    if not arguments.evaluator_only:
        prepared, report = preprocess_with_report(model, **choices)
        print(report)
        arguments.model = prepared
    return prepared, None if arguments.optimizer_only else estimate_of(arguments)
