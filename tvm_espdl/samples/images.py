"""Images as data of a network, in a folder or alone: scaled and normalized one at a time.

Must never hold more than one image.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..errors import DataError, EspdlWarning
from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature
from ..program.border.pixel_form import normalized
from .arrays import Part, only_input
from .checks import Sample
from .folder import IMAGE_SUFFIXES, files_below
from .image_form import ImageForm, form_of_input
from .image_wishes import ImageWishes
from .pixels import open_pixels

#: How many of the files that are no images a warning names.
_NAMED = 3


class _Images(ImageWishes):
    """What images become, one at a time."""

    def _arrays(self, paths: Iterable[Path], name: str, form: ImageForm) -> Iterator[Part]:
        for path in paths:
            pixels = open_pixels(path, form, fit=self.fit, enlarge=self.enlarge)
            yield {name: self._normalized(pixels, form)}, f"calibration image {path}"

    def _normalized(self, pixels: Array, form: ImageForm) -> Array:
        values = pixels
        if form.dtype != np.uint8:
            values = normalized(pixels, form.mean, form.std, self.pixel_range, form.dtype)
        return (values.transpose(2, 0, 1) if form.first else values)[np.newaxis]


class ImageFolder(_Images):
    """Every image in a folder and the folders in it, in the order of their names.

    Names are compared as text, folder by folder: `10.png` comes before `2.png`, and `a/2.png`
    before `a.png`. `files()` lists that order, for rows of other inputs that belong to the images.

    The options, and what becomes of an image, are those of `ImageWishes`.
    """

    def parts(self, signature: Signature, *, again: bool = False) -> tuple[Iterator[Part], int]:
        """The images for a model, each as one array with its batch axis, and their number.

        Parameters
        ----------
        signature : dict
            Shapes, with batch 1, and dtypes of the inputs.
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
            left_out = "file is no image and was" if others == 1 else "files are no images and were"
            listed = ", ".join([*named, "..."] if others > _NAMED else named)
            text = f"{where}: {others} {left_out} left out: {listed}"
            warnings.warn(text, EspdlWarning, stacklevel=5)
        return images


class ImageFile(_Images):
    """One image: `path` is that of its file.

    The options, and what becomes of an image, are those of `ImageWishes`.
    """

    def sample(self, signature: Signature) -> Sample:
        """The image for a model with one input, with its batch axis.

        Parameters
        ----------
        signature : dict
            Shape, with batch 1, and dtype of the input.

        Raises
        ------
        DataError
            If the file is missing or no image that can be used, or an option does not fit the
            model.
        ToolError
            If Pillow is not installed.
        """
        path = Path(self.path)
        name = only_input(signature, str(path), "an image")
        shape, dtype = signature[name]
        form = form_of_input(name, shape, np.dtype(dtype), self)
        ((sample, _),) = self._arrays([path], name, form)
        return sample


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
