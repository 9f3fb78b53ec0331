"""Options of the command line that take more than one line: of preprocessing and of calibration.

Must never import more than argparse when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .quantize.samples import ImageFolder

_IMAGE_OPTIONS = ("mean", "std", "size", "layout", "colours", "pixel_range", "fit", "enlarge")


def option(parser: argparse.ArgumentParser, name: str, help_: str, **settings: object) -> None:
    """Add an option that may be written with underscores or with hyphens."""
    spellings = dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"])
    parser.add_argument(*spellings, help=help_, **settings)  # type: ignore[arg-type]


def add_preprocess_options(parser: argparse.ArgumentParser) -> None:
    """Which steps of preprocessing run, and the shapes of dynamic inputs."""
    repeated = {"action": "append", "default": []}
    option(parser, "skip", "leave a step out; may be repeated", metavar="NAME", **repeated)
    option(
        parser, "enable", "run a step that is off by default; repeated", metavar="NAME", **repeated
    )
    option(
        parser,
        "input_shape",
        "whole shape of an input with dynamic dimensions; may be repeated",
        metavar="NAME:1,3,96,96",
        type=_input_shape,
        **repeated,
    )
    option(parser, "list_steps", "print the steps in their order and exit", action=_ListSteps)


class _ListSteps(argparse.Action):
    """Prints the table of steps, as --version prints the version: nothing else is needed."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help, default=argparse.SUPPRESS)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from .quantize.preprocess.steps import STEPS

        width = max(len(step.name) for step in STEPS)
        for step in STEPS:
            print(f"{step.name:{width}}  {step.sentence}{'' if step.on else ' Off by default.'}")
        parser.exit()


def _input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    # The last colon parts name and shape: names from TensorFlow hold one themselves.
    name, colon, shape = text.rpartition(":")
    try:
        dimensions = tuple(int(part) for part in shape.split(","))
    except ValueError:
        dimensions = ()
    if not (name and colon and dimensions):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME:1,3,96,96")
    return name, dimensions


def add_calibration_options(parser: argparse.ArgumentParser) -> None:
    """Where calibration data are, and how images become inputs."""
    option(
        parser,
        "calibrate_dataset",
        "calibration data: .npy, .npz, a folder of such files, or a folder of images",
    )
    images = parser.add_argument_group("images", "inputs are (pixel - mean) / std")
    for name, help_, settings in (
        ("mean", "mean, or one per channel, in units of pixel_range (default: 0)",
         {"type": _numbers, "metavar": "M[,M,M]"}),
        ("std", "deviation, or one per channel (default: 1)",
         {"type": _numbers, "metavar": "S[,S,S]"}),
        ("pixel_range", "values of black and white: 0..1 (default), 0..255, -1..1 (with =)",
         {"type": _range, "metavar": "LOW..HIGH"}),
        ("size", "scale to this size, then cut the middle out (default: the input's size)",
         {"type": _size, "metavar": "HxW"}),
        ("layout", "NCHW or NHWC, if the input's shape leaves it open", {}),
        ("colours", "RGB, BGR or gray (default: RGB, or gray for one channel)", {}),
        ("fit", "crop (default) or stretch images of other proportions", {}),
        ("enlarge", "take images smaller than the input, too", {"action": "store_true"}),
    ):  # fmt: skip
        option(images, name, help_, **{"default": argparse.SUPPRESS, **settings})  # type: ignore[arg-type]


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
        "step that recovers accuracy: rounding, equalization, exponents, bias, all or none; "
        "repeated (default: rounding, bias)",
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
    given = {name: value for name, value in vars(arguments).items() if name in _QUANTIZE_OPTIONS}
    if given.get("recover") == ["none"]:
        given["recover"] = ()
    return given


def calibration_of(arguments: argparse.Namespace) -> str | ImageFolder | None:
    """What `quantize_onnx` takes as calibration data: a path, or a folder of images."""
    if arguments.calibrate_dataset is None:
        return None
    given = {name: value for name, value in vars(arguments).items() if name in _IMAGE_OPTIONS}
    if not given:
        return str(arguments.calibrate_dataset)
    from .quantize.samples import ImageFolder

    return ImageFolder(arguments.calibrate_dataset, **given)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one number, or one per channel"
        ) from None


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(".."))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 0..255") from None
    return low, high


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) not in (1, 2) or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 224x224")
    return int(parts[0]), int(parts[-1])
