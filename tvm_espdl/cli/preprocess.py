"""`tvm-espdl preprocess`: a float ONNX model, cleaned up."""

from __future__ import annotations

import argparse

from .options import option
from .preprocess_options import add_preprocess_options

HELP = "Clean a float ONNX model up and fix its batch to 1."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "input", "float ONNX model", required=True)
    option(parser, "output", "file to write", required=True)
    add_preprocess_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the model and print what each step did."""
    from ..files.output_files import check_new
    from ..onnx_graphs.model import save_model
    from ..preprocess import preprocess_with_report

    check_new(arguments.output)
    model, report = preprocess_with_report(
        arguments.input,
        skip=arguments.skip,
        enable=arguments.enable,
        input_shapes=dict(arguments.input_shape),
    )
    save_model(model, arguments.output)
    print(report)
    print(f"wrote {arguments.output}")
    return 0
