"""`tvm-espdl check`: which kernel each part of a model gets, why, and what to change."""

from __future__ import annotations

import argparse

from .options import add_model_options, library_of

HELP = "Which kernel each part of a model gets, why, and what to change."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    parser.add_argument("model", help="ONNX model, or .espdl file")
    add_model_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--html", help="write one self-contained page, too")


def run(arguments: argparse.Namespace) -> int:
    """Print the report, and write the page where it is asked for."""
    from ..files.output_files import check_new

    if arguments.html is not None:
        check_new(arguments.html)
    report = library_of(arguments.model, arguments).report()
    print(report.to_json() if arguments.json else report)
    if arguments.html is not None:
        report.to_html(arguments.html)
    return 0
