"""`tvm-espdl quantize`: a float ONNX model, quantized with power-of-two scales."""

from __future__ import annotations

import argparse

from ..chips import DEFAULT_CHIP
from .calibration_options import add_calibration_options, calibration_of
from .options import option
from .quantizer_options import add_quantize_options, quantize_options_of

HELP = "Quantize a float ONNX model with power-of-two scales."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "input_model", "float ONNX model", required=True)
    option(parser, "output_model", "file to write", required=True)
    add_calibration_options(parser)
    option(parser, "target_chip", "chip (default: %(default)s)", default=DEFAULT_CHIP)
    add_quantize_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the model, and the report where it is asked for; print the report."""
    from ..files.output_files import check_new
    from ..quantize import quantize_onnx
    from ..quantize.report import check_report_path

    check_new(arguments.output_model)
    if arguments.report is not None:
        check_report_path(arguments.report)
    result = quantize_onnx(
        arguments.input_model,
        calibration_of(arguments),
        arguments.target_chip,
        progress=None,
        **quantize_options_of(arguments),
    )
    result.save(arguments.output_model)
    print(result.report)
    if spent := result.report.seconds:
        print("time: " + ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in spent.items()))
    print(f"wrote {arguments.output_model}")
    if arguments.report is not None:
        result.report.save(arguments.report)
        print(f"wrote {arguments.report}")
    return 0
