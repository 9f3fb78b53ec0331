"""`tvm-espdl check`: which kernel each part of a model gets, why, and what to change."""

from __future__ import annotations

import argparse
import sys

from ..errors import ModelError
from .options import add_model_options, option
from .preview import library_and_left_float

HELP = "Which kernel each part of a model gets, why, and what to change."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    parser.add_argument("model", help="ONNX model, or .espdl file")
    add_model_options(parser)
    option(parser, "as_is", "a float model as it is: all of it in float", action="store_true")
    option(
        parser,
        "verify",
        "run the model as it was read beside onnxruntime, and name the first node that differs",
        action="store_true",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", help="write one self-contained page, too")


def run(arguments: argparse.Namespace) -> int:
    """Print the report, and write the page where it is asked for."""
    from ..files.output_files import check_new

    if arguments.html is not None:
        check_new(arguments.html)
    if arguments.verify:
        _verify(arguments.model)
    library, left = library_and_left_float(arguments)
    report = library.report().with_left_float(left)
    print(report.to_json() if arguments.json else report)
    if arguments.html is not None:
        report.to_html(arguments.html)
    return 0


def _verify(model: str) -> None:
    from ..espdl.file import is_espdl
    from ..relay.frontend import from_onnx

    if is_espdl(model):
        raise ModelError(
            "there is nothing to compare with",
            where="option --verify",
            found="an .espdl file, which onnxruntime cannot run",
            try_="tvm-espdl check --verify on the ONNX model",
        )
    from_onnx(model, verify=True)
    print("verified: on a random input it computes what onnxruntime does", file=sys.stderr)
