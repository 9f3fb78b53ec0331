"""Options of the command line about images: how they become inputs of a network.

Must never import more than argparse when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .options import option, real_number

if TYPE_CHECKING:
    from ..library import Library
    from ..ops.base.rounding import Array

_NAMES = ("mean", "std", "size", "layout", "colours", "pixel_range", "fit", "enlarge")


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """How images become inputs."""
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
        option(images, name, help_, **{"default": argparse.SUPPRESS, **settings})


def image_options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Those that were given, as `ImageFolder` and `ImageFile` take them."""
    return {name: value for name, value in vars(arguments).items() if name in _NAMES}


def sample_of(
    path: str | None, library: Library, arguments: argparse.Namespace, *, pixels: bool = False
) -> dict[str, Array] | None:
    """The inputs that an array file or an image holds; None without a file.

    Where the network takes `pixels`, options of images are about these as well.

    Raises
    ------
    DataError
        As `load_arrays` and `ImageFile.sample`; if the network has several inputs and the file is
        an image; if options of images were given, and there is none.
    """
    import numpy as np

    from ..files.array_files import load_arrays
    from ..samples import ImageFile
    from ..samples.folder import IMAGE_SUFFIXES

    options = image_options_of(arguments)
    if path is not None and Path(path).suffix.lower() in IMAGE_SUFFIXES:
        program = library.program
        if len(library.input_names) != 1:
            raise DataError(
                "one image for a model with several inputs",
                where=path,
                found="an image",
                allowed="an .npz file with " + ", ".join(library.input_names),
            )
        tensor = program.values[program.inputs[0]]
        signature = {library.input_names[0]: (tensor.shape, np.dtype(tensor.dtype))}
        return ImageFile(path, **options).sample(signature)
    if options and not pixels:
        raise no_images(options, path or "no file", "an image")
    return None if path is None else load_arrays(path, library.input_names)


def pixel_options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Those that were given about pixels themselves, as `Library.export_project` takes them."""
    names = ("mean", "std", "pixel_range", "layout")
    return {n: value for n, value in image_options_of(arguments).items() if n in names}


def no_images(
    options: dict[str, Any], found: str, allowed: str = "a folder of images"
) -> DataError:
    """Options of images were given, and there are none."""
    return DataError(
        "options of images for data that are none",
        where=", ".join(f"option {name}" for name in options),
        found=found,
        allowed=allowed,
        try_="leave them out: arrays are taken as they are, scaled as in training",
    )


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(real_number(part.strip()) for part in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one number, or one per channel"
        ) from None


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (real_number(part.strip()) for part in text.split(".."))
    except (argparse.ArgumentTypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 0..255") from None
    return low, high


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,9})(?:[xX]([0-9]{1,9}))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 224x224")
    return int(found[1]), int(found[2] or found[1])
