"""What an image has to become for a model's input: size, channels, layout, mean and deviation.

Must never open an image: the input's shape and the user's options decide, and are checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..program.border.pixel_form import checked_range, numbers_of, per_channel
from .image_wishes import ImageWishes

_CHANNELS = {"RGB": 3, "BGR": 3, "gray": 1}
_COLOURS = {3: "RGB", 1: "gray"}


@dataclass(frozen=True)
class ImageForm:
    """What every image of a folder becomes."""

    #: Of the model's input.
    height: int
    width: int
    #: Height and width that the image is scaled to; the middle of it is cut out then.
    size: tuple[int, int]
    #: "RGB", "BGR" or "gray".
    colours: str
    #: Whether the channels come before height and width.
    first: bool
    #: Float64 array: one value, or one per channel.
    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]
    #: Of the model's input.
    dtype: np.dtype[Any]


def form_of_input(
    name: str, shape: tuple[int, ...], dtype: np.dtype[Any], wishes: ImageWishes
) -> ImageForm:
    """Decide what images become for the input `name`, by the options `wishes`.

    Parameters
    ----------
    shape : tuple of int
        (1, C, H, W) or (1, H, W, C), with C = 1 or 3.
    dtype : numpy.dtype
        A float type, or uint8 for a network that takes pixels as they are.

    Raises
    ------
    DataError
        If the input takes no images, or an option does not fit it.
    """
    where = f"input {name!r}"
    first = _channels_first(shape, wishes.layout, where)
    height, width = (shape[2], shape[3]) if first else (shape[1], shape[2])
    channels = shape[1] if first else shape[3]
    colours = wishes.colours or _COLOURS[channels]
    _check_choices(wishes, colours, channels, where)
    _check_dtype(dtype, wishes, where)
    size = wishes.size or (height, width)
    if not _is_size(size) or size[0] < height or size[1] < width:
        raise DataError(
            "the size of the images is smaller than the model's input"
            if _is_size(size)
            else "the size of the images is no height and width",
            where=where,
            found=f"size {'x'.join(map(str, size)) if _is_size(size) else repr(size)}",
            allowed=f"{height}x{width} (height x width) or larger",
            try_="leave size out: images are then scaled to the input",
        )
    return ImageForm(
        height,
        width,
        (size[0], size[1]),
        colours,
        first,
        per_channel(wishes.mean, channels, "mean"),
        per_channel(wishes.std, channels, "std"),
        dtype,
    )


def _channels_first(shape: tuple[int, ...], layout: str | None, where: str) -> bool:
    fitting = {
        order: len(shape) == 4 and shape[0] == 1 and shape[axis] in _COLOURS
        for order, axis in (("NCHW", 1), ("NHWC", 3))
    }
    if layout is not None:
        advice = "leave layout out: the shape of the input tells it as a rule"
        _check_choice("layout", layout, tuple(fitting), advice)
    chosen = [order for order, fits in fitting.items() if fits and layout in (None, order)]
    if not chosen:
        found = f"shape {shape}" + (f" as {layout}" if layout else "")
        raise _takes_no_images(where, found, "(1, C, H, W) or (1, H, W, C) with 1 or 3 channels")
    if len(chosen) > 1:
        raise DataError(
            "the shape of the input does not tell where its channels are",
            where=where,
            found=f"shape {shape}",
            allowed="layout NCHW or NHWC",
            try_='layout="NCHW" (--layout NCHW), as networks from PyTorch have it',
        )
    return chosen[0] == "NCHW"


def _takes_no_images(where: str, found: str, allowed: str) -> DataError:
    advice = "give the data as an .npz file or as an iterable of arrays"
    return DataError(
        "the input takes no images", where=where, found=found, allowed=allowed, try_=advice
    )


def _check_choice(option: str, value: object, allowed: tuple[str, ...], advice: str) -> None:
    if value not in allowed:
        raise DataError(
            f"unknown {option}",
            where=f"option {option}",
            found=repr(value),
            allowed=", ".join(allowed),
            try_=advice,
        )


def _check_choices(wishes: ImageWishes, colours: str, channels: int, where: str) -> None:
    advice = "leave colours out: RGB for three channels, gray for one"
    _check_choice("colours", colours, tuple(_CHANNELS), advice)
    advice = "crop, which keeps proportions, or what the network was trained with"
    _check_choice("fit", wishes.fit, ("crop", "stretch"), advice)
    if _CHANNELS[colours] != channels:
        raise DataError(
            "wrong number of channels",
            where=where,
            found=f"{colours} images: {_CHANNELS[colours]}",
            allowed=f"{channels}",
            try_="leave colours out",
        )
    checked_range(wishes.pixel_range)


def _check_dtype(dtype: np.dtype[Any], wishes: ImageWishes, where: str) -> None:
    plain = (
        not numbers_of(wishes.mean, "mean", "numbers").any()
        and bool(np.all(np.asarray(wishes.std) == 1))
        and wishes.pixel_range in ((0.0, 1.0), (0.0, 255.0))
    )
    if dtype.kind == "f" or (dtype == np.uint8 and plain):
        return
    if dtype != np.uint8:
        raise _takes_no_images(where, f"an input of type {dtype}", "a float input, or uint8")
    raise DataError(
        "the input takes pixels as they are",
        where=where,
        found="mean, std or a pixel range",
        allowed="images as they are",
        try_="leave mean, std and pixel_range out",
    )


def _is_size(size: object) -> bool:
    return (
        isinstance(size, Sequence)
        and len(size) == 2
        and all(isinstance(length, (int, np.integer)) for length in size)
    )
