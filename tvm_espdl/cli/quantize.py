"""`tvm-espdl quantize`: a float ONNX model, quantized with power-of-two scales."""

from __future__ import annotations

import argparse
from typing import Any

from ..chips import DEFAULT_CHIP
from .calibration_options import add_calibration_options, calibration_of
from .options import option

HELP = "Quantize a float ONNX model with power-of-two scales."

#: What is not given is left to the defaults of `quantize_onnx`.
_REPEATED: dict[str, Any] = {"action": "append", "metavar": "NAME"}
_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("activations", "mse (default), kl, percentile or minmax", {}),
    ("weights", "output (default) or minmax", {}),
    ("per_channel", "one filter exponent per channel (default where the chip can)",
     {"action": "store_true"}),
    ("int16", "layer or pattern that computes in int16, or auto; repeated", _REPEATED),
    ("float", "layer or pattern that stays float, computed by TVM; repeated", _REPEATED),
    ("wanted_snr", "of the outputs on held-out samples, for --int16 auto",
     {"type": float, "metavar": "DB"}),
    ("budget", "extra cycles, such as 0.1, for --int16 auto",
     {"type": float, "metavar": "SHARE"}),
    ("recover",
     "step that recovers accuracy: rounding, equalization, exponents, compensation, bias, all "
     "or none; repeated (default: rounding, bias; of small networks equalization, too)",
     _REPEATED),
    ("hold_out", "every n-th sample judges the result only (default: 4; 0: none)",
     {"type": int, "metavar": "N"}),
    ("requantize", "re-express a model that others quantized with the nearest scales",
     {"action": "store_true"}),
    ("skip", "step of preprocessing; see preprocess --list_steps", _REPEATED),
    ("enable", "step of preprocessing; see preprocess --list_steps", _REPEATED),
    ("no_measure", "do not measure the accuracy with the chip's bits, which takes time",
     {"action": "store_false", "dest": "measure"}),
)  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add those of this command."""
    option(parser, "input_model", "float ONNX model", required=True)
    option(parser, "output_model", "file to write", required=True)
    add_calibration_options(parser)
    option(parser, "target_chip", "chip (default: %(default)s)", default=DEFAULT_CHIP)
    for name, help_, settings in _OPTIONS:
        option(parser, name, help_, default=argparse.SUPPRESS, **settings)
    option(parser, "report", "write the report, too: .txt, .json or .html", metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Write the model, and the report where it is asked for; print the report."""
    from ..files.output_files import check_new
    from ..quantize import quantize_onnx
    from ..quantize.report import check_report_path

    check_new(arguments.output_model)
    if arguments.report is not None:
        check_report_path(arguments.report)
    names = [settings.get("dest", name) for name, _, settings in _OPTIONS]
    options = {name: value for name, value in vars(arguments).items() if name in names}
    result = quantize_onnx(
        arguments.input_model,
        calibration_of(arguments),
        arguments.target_chip,
        progress=None,
        **options,
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
