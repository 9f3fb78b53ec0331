"""A folder of images as calibration data: found, scaled and normalized one at a time.

Must never guess what a network was trained on: values are `(pixel - mean) / std`, pixels in a
range that the user states, and what cannot be read from the input's shape is asked for.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import DataError, EspdlWarning
from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature
from .arrays import Part, only_input
from .folder import IMAGE_SUFFIXES, files_below
from .image_form import ImageForm, form_of_input
from .pixels import Fit, open_pixels

Channels = float | Sequence[float]

#: How many of the files that are no images a warning names.
_NAMED = 3


@dataclass(frozen=True)
class ImageFolder:
    """Every image in a folder and the folders in it, in the order of their names.

    Names are compared as text, folder by folder: `10.png` comes before `2.png`, and `a/2.png`
    before `a.png`. `files()` lists that order, for rows of other inputs that belong to the images.

    An image becomes `(pixel - mean) / std`, where pixels lie in `pixel_range`. With the defaults
    values lie from 0 to 1. Models trained with torchvision take, as a rule,
    `mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)`; models whose first layer scales, such
    as Keras' EfficientNet, `pixel_range=(0, 255)`; Keras' MobileNet `pixel_range=(-1, 1)`.

    Attributes
    ----------
    path : path
        The folder. Hidden files are left out; others that are no images are named in a warning.
    mean, std : float or sequence of float
        One value, or one per channel in the order of `colours`; in units of `pixel_range`.
    size : (int, int), optional
        Height and width that an image is brought to, by default those of the model's input. Where
        it is larger than these, the middle is cut out of it.
    layout : str, optional
        "NCHW" or "NHWC": where the model's input has its channels, if its shape leaves that open.
    colours : str, optional
        "RGB", "BGR" or "gray"; by default RGB for three channels and gray for one.
    pixel_range : (float, float)
        What black and white are before `mean` and `std`.
    fit : str
        "crop" keeps the proportions of the image and cuts off what sticks out at its longer sides;
        "stretch" does not keep them.
    enlarge : bool
        Whether images smaller than `size` are enlarged; otherwise they are refused.

    Notes
    -----
    Needs Pillow: `pip install "tvm-espdl[images]"`. Images are scaled with its bilinear filter,
    turned as their EXIF data say, and made gray with the weights of ITU-R 601.
    """

    path: str | os.PathLike[str]
    mean: Channels = 0.0
    std: Channels = 1.0
    size: tuple[int, int] | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    colours: Literal["RGB", "BGR", "gray"] | None = None
    pixel_range: tuple[float, float] = (0.0, 1.0)
    fit: Fit = "crop"
    enlarge: bool = False

    def parts(self, signature: Signature, *, again: bool = False) -> tuple[Iterator[Part], int]:
        """The images for a model, each as one array with its batch axis, and their number.

        Parameters
        ----------
        signature : dict
            What `onnx_graphs.model.input_signature` returned, with batch 1.
        again : bool
            Whether the folder was read before: its other files were named then.

        Raises
        ------
        DataError
            If the folder is missing or holds no image, an option does not fit the model, or
            Pillow is not installed; while images are read, if one cannot be used.
        """
        folder = Path(self.path)
        where = f"calibration folder {folder}"
        name = only_input(signature, where, "a folder of images")
        form = form_of_input(name, *signature[name], self)
        count = self._count(folder, where, warn=not again)
        return self._arrays(_images_below(folder), name, form), count

    def files(self) -> list[Path]:
        """The images in the order in which they are read.

        Raises
        ------
        DataError
            If the folder is missing or holds no image.
        """
        folder = Path(self.path)
        self._count(folder, f"calibration folder {folder}", warn=False)
        return list(_images_below(folder))

    @staticmethod
    def _count(folder: Path, where: str, *, warn: bool) -> int:
        images, others = 0, 0
        named: list[str] = []
        for path in files_below(folder) if folder.is_dir() else ():
            if _is_image(path):
                images += 1
                continue
            others += 1
            if len(named) < _NAMED:
                named.append(str(path.relative_to(folder)))
        if not images:
            raise _no_images(folder, where, others)
        if others and warn:
            warnings.warn(
                f"{where}: "
                + (
                    "1 file is no image and was"
                    if others == 1
                    else f"{others} files are no images and were"
                )
                + " left out: "
                + ", ".join([*named, "..."] if others > _NAMED else named),
                EspdlWarning,
                stacklevel=5,
            )
        return images

    def _arrays(self, paths: Iterable[Path], name: str, form: ImageForm) -> Iterator[Part]:
        for path in paths:
            pixels = open_pixels(path, form, fit=self.fit, enlarge=self.enlarge)
            yield {name: self._normalized(pixels, form)}, f"calibration image {path}"

    def _normalized(self, pixels: Array, form: ImageForm) -> Array:
        if form.dtype == np.uint8:
            values: Array = pixels
        else:
            black, white = self.pixel_range
            # Formed in double precision and rounded once, so that every order of the same
            # operations in training code differs from it by rounding only.
            real = black + pixels.astype(np.float64) * ((white - black) / 255.0)
            values = ((real - form.mean) / form.std).astype(form.dtype)
        return values.transpose(2, 0, 1)[np.newaxis] if form.first else values[np.newaxis]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _images_below(folder: Path) -> Iterator[Path]:
    return filter(_is_image, files_below(folder))


def _no_images(folder: Path, where: str, others: int) -> DataError:
    there = folder.is_dir()
    return DataError(
        "the folder holds no image" if there else "there is no such folder",
        where=where,
        found=f"{others} other files" if there else "a file" if folder.exists() else "nothing",
        allowed="a folder of images: " + ", ".join(IMAGE_SUFFIXES),
        try_="check the path; relative paths start at the current folder",
    )
