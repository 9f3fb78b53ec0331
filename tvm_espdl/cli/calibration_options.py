"""Options of the command line about calibration data: where they are, and of which input.

Must never open a file but to see whether it is a folder of images, nor import more than argparse
when it is loaded: the parser is built for every command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from .image_options import add_image_options, image_options_of, no_images
from .options import option

if TYPE_CHECKING:
    from ..samples import ImageFolder

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
    add_image_options(parser)


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
    options = image_options_of(arguments)
    if given is None:
        return None
    # A path that is there may have a "=" in it.
    alone = len(given) == 1 and (Path(given[0]).exists() or "=" not in given[0])
    paths = {"": given[0]} if alone else _by_input(given)
    data = {name: _with_options(path, options) for name, path in paths.items()}
    if options and all(isinstance(value, str) for value in data.values()):
        raise no_images(options, ", ".join(paths.values()))
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
