"""Options of the quantizer: exponents, int16, recovery, reports.

Must never import more than argparse when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
from typing import Any

from .options import option

#: What is not given is left to the defaults of `quantize_onnx`.
_REPEATED: dict[str, Any] = {"action": "append", "metavar": "NAME"}
_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("activations", "mse (default), kl, percentile or minmax", {}),
    ("weights", "output (default) or minmax", {}),
    ("per_channel", "one filter exponent per channel (default where the chip can)",
     {"action": "store_true"}),
    ("int16", "layer or pattern that computes in int16, or auto; repeated", _REPEATED),
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


def add_quantize_options(parser: argparse.ArgumentParser) -> None:
    """How exponents are chosen, what is done for accuracy, and what is told of it."""
    for name, help_, settings in _OPTIONS:
        option(parser, name, help_, default=argparse.SUPPRESS, **settings)
    option(parser, "report", "write the report, too: .txt, .json or .html", metavar="FILE")


def quantize_options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of `quantize_onnx` that were given."""
    names = [settings.get("dest", name) for name, _, settings in _OPTIONS]
    return {name: value for name, value in vars(arguments).items() if name in names}
