"""Options of the command line about calibration data: where they are, how images become inputs.

Must never open a file but to see whether it is a folder of images, nor import more than argparse
when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .options import option

if TYPE_CHECKING:
    from ..samples import ImageFolder

_IMAGE_OPTIONS = ("mean", "std", "size", "layout", "colours", "pixel_range", "fit", "enlarge")

_OPTION = "option calibrate_dataset"


def add_calibration_options(parser: argparse.ArgumentParser) -> None:
    """Where calibration data are, and how images become inputs."""
    option(
        parser,
        "calibrate_dataset",
        "calibration data: .npy, .npz, a folder of such files, or a folder of images; of each "
        "input on its own: INPUT=PATH, repeated",
        action="append",
        metavar="[INPUT=]PATH",
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


def calibration_of(
    arguments: argparse.Namespace,
) -> str | ImageFolder | dict[str, str | ImageFolder] | None:
    """What `quantize_onnx` takes as calibration data: a path, a folder of images, or several.

    Raises
    ------
    DataError
        If of several data one has no name of an input, or a name stands twice; or if options of
        images were given, and there are none.
    """
    given: Sequence[str] | None = arguments.calibrate_dataset
    options = {name: value for name, value in vars(arguments).items() if name in _IMAGE_OPTIONS}
    if given is None:
        return None
    # A path that is there may have a "=" in it.
    alone = len(given) == 1 and (Path(given[0]).exists() or "=" not in given[0])
    paths = {"": given[0]} if alone else _by_input(given)
    data = {name: _with_options(path, options) for name, path in paths.items()}
    if options and all(isinstance(value, str) for value in data.values()):
        raise _no_images(options, ", ".join(paths.values()))
    return data[""] if alone else data


def _by_input(given: Sequence[str]) -> dict[str, str]:
    paths: dict[str, str] = {}
    for text in given:
        name, sign, path = text.partition("=")
        if not (name and sign and path) or name in paths:
            raise DataError(
                "two data for one input" if name in paths else "data for no input",
                where=_OPTION,
                found=repr(text),
                allowed="INPUT=PATH, once for each input",
                try_="--calibrate_dataset image=photos --calibrate_dataset meta=meta.npy",
            )
        paths[name] = path
    return paths


def _with_options(path: str, options: dict[str, Any]) -> str | ImageFolder:
    """`path`, with the options if it is a folder of images, or none that is there."""
    if not options:
        return path
    from ..samples import ImageFolder
    from ..samples.folder import ARRAY_SUFFIXES, kind_of_folder

    place = Path(path)
    if place.is_dir():
        images = kind_of_folder(place) == "images"
    else:
        images = not place.exists() and place.suffix.lower() not in ARRAY_SUFFIXES
    return ImageFolder(path, **options) if images else path


def _no_images(options: dict[str, Any], found: str) -> DataError:
    return DataError(
        "options of images for data that are none",
        where=", ".join(f"option {name}" for name in options),
        found=found,
        allowed="a folder of images",
        try_="leave them out: arrays are taken as they are, scaled as in training",
    )


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
