"""Options of the quantizer: exponents, int16, recovery, reports.

Must never import more than argparse when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
from typing import Any

from .options import option


def add_quantize_options(parser: argparse.ArgumentParser) -> None:
    """How exponents are chosen, what is done for accuracy, and what is told of it."""
    _add_exponent_options(parser)
    _add_accuracy_options(parser)
    option(
        parser,
        "requantize",
        "re-express a model that others quantized with the nearest scales",
        action="store_true",
        default=argparse.SUPPRESS,
    )
    for name in ("skip", "enable"):
        option(parser, name, "step of preprocessing; see preprocess --list_steps", **_REPEATED)
    option(
        parser,
        "no_measure",
        "do not measure the accuracy with the chip's bits, which takes time",
        action="store_false",
        dest="measure",
        default=argparse.SUPPRESS,
    )
    option(parser, "report", "write the report, too: .txt, .json or .html", metavar="FILE")


#: What is not given is left to the defaults of `quantize_onnx`.
_REPEATED: dict[str, Any] = {"action": "append", "default": argparse.SUPPRESS, "metavar": "NAME"}


def _add_exponent_options(parser: argparse.ArgumentParser) -> None:
    suppressed = {"default": argparse.SUPPRESS}
    option(parser, "activations", "mse (default), kl, percentile or minmax", **suppressed)
    option(parser, "weights", "output (default) or minmax", **suppressed)
    option(
        parser,
        "per_channel",
        "one filter exponent per channel (default where the chip can)",
        action="store_true",
        **suppressed,
    )


def _add_accuracy_options(parser: argparse.ArgumentParser) -> None:
    suppressed = {"default": argparse.SUPPRESS}
    option(
        parser, "int16", "layer or pattern that computes in int16, or auto; repeated", **_REPEATED
    )
    for name, metavar, help_ in (
        ("wanted_snr", "DB", "of the outputs on held-out samples, for --int16 auto"),
        ("budget", "SHARE", "extra cycles, such as 0.1, for --int16 auto"),
    ):
        option(parser, name, help_, type=float, metavar=metavar, **suppressed)
    option(
        parser,
        "recover",
        "step that recovers accuracy: rounding, equalization, exponents, compensation, bias, all "
        "or none; repeated (default: rounding, bias; of small networks equalization, too)",
        **_REPEATED,
    )
    option(
        parser,
        "hold_out",
        "every n-th sample judges the result only (default: 4; 0: none)",
        type=int,
        metavar="N",
        **suppressed,
    )


_QUANTIZE_OPTIONS = (
    *("activations", "weights", "per_channel", "int16", "recover", "hold_out"),
    *("wanted_snr", "budget"),
    *("requantize", "skip", "enable", "measure"),
)


def quantize_options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of `quantize_onnx` that were given."""
    return {name: value for name, value in vars(arguments).items() if name in _QUANTIZE_OPTIONS}
