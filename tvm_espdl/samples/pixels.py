"""Opens one image with Pillow and brings it to a size and to its channels, as bytes 0 to 255.

Must never import Pillow before an image is asked for: it is an optional package.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, ToolError
from ..onnx_graphs.graph import Array
from .image_form import ImageForm
from .image_wishes import Fit

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pillow's names of images with 8 bits or less per channel; others hold more than bytes.
_BYTES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB"}


#: Of an image, and of what it is enlarged to, before its middle is cut out.
MOST_PIXELS = 100_000_000
#: What Pillow's readers raise on damaged files.
_READING_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, TypeError, AttributeError, RuntimeError),
    *(LookupError, ArithmeticError, MemoryError, struct.error, zlib.error),
)


def open_pixels(path: Path, form: ImageForm, *, fit: Fit, enlarge: bool) -> Array:
    """Read an image and bring it to its form; see `ImageWishes` for the options.

    Returns
    -------
    uint8 array (H, W, C)
        C = 3 in the order of `form.colours`, or 1.

    Raises
    ------
    DataError
        If the file is no image that Pillow reads, holds more than 8 bits per channel, or is
        smaller than `form.size`.
    ToolError
        If Pillow is not installed.
    """
    pillow, operations = _pillow()
    try:
        if path.exists() and not path.is_file():
            raise OSError("no regular file")
        with pillow.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError(f"{opened.height}x{opened.width} pixels")
            opened.load()
            image: Image = operations.exif_transpose(opened)
    except (*_READING_ERRORS, pillow.DecompressionBombError) as problem:
        raise DataError(
            "the image cannot be read",
            where=str(path),
            found=str(problem).splitlines()[0] if str(problem) else type(problem).__name__,
            allowed=f"an image that Pillow opens, of at most {MOST_PIXELS:,} pixels",
            try_="look whether its download was complete; of a folder, take it out",
        ) from problem
    if image.mode not in _BYTES:
        raise DataError(
            "the image has more than 8 bits per channel",
            where=str(path),
            found=f"mode {image.mode}",
            allowed="8 bits per channel",
            try_="scale such data as in training and give them as .npy files",
        )
    converted = image.convert("L" if form.colours == "gray" else "RGB")
    if not enlarge and (image.height < form.size[0] or image.width < form.size[1]):
        raise DataError(
            "the image is smaller than what the model takes",
            where=str(path),
            found=f"{image.height}x{image.width} (height x width)",
            allowed=f"{form.size[0]}x{form.size[1]} or larger",
            try_="larger images, a smaller size, or enlarge=True (--enlarge)",
        )
    size = _scaled_size(converted, form.size, fit)
    if size[0] * size[1] > MOST_PIXELS:
        raise DataError(
            "the image would be enlarged beyond all measure",
            where=str(path),
            found=f"{image.height}x{image.width} (height x width), to {size[0]}x{size[1]}",
            allowed=f"{MOST_PIXELS:,} pixels",
            try_="an image that is not so narrow, a smaller size, or fit='stretch' (--fit stretch)",
        )
    if (image.height, image.width) != size:
        converted = converted.resize(size[::-1], pillow.Resampling.BILINEAR)
    scaled = _middle(converted, *form.size)
    pixels = np.asarray(_middle(scaled, form.height, form.width), dtype=np.uint8)
    pixels = pixels.reshape(form.height, form.width, -1)
    return pixels[:, :, ::-1] if form.colours == "BGR" else pixels


def _pillow() -> tuple[Any, Any]:
    try:
        from PIL import Image, ImageOps
    except ImportError as problem:
        raise ToolError(
            "images need Pillow, which is not installed",
            where="calibration images",
            allowed="Pillow, or calibration data as .npy or .npz files",
            try_='pip install "tvm-espdl[images]"',
        ) from problem
    return Image, ImageOps


def _scaled_size(image: Image, size: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """Height and width of the image before what is too much of it is cut off."""
    height, width = size
    if fit == "crop":
        factor = max(height / image.height, width / image.width)
        height = max(height, round(image.height * factor))
        width = max(width, round(image.width * factor))
    return height, width


def _middle(image: Image, height: int, width: int) -> Image:
    top, left = (image.height - height) // 2, (image.width - width) // 2
    return image.crop((left, top, left + width, top + height))
