"""What a user wants of images: where they are, and what is done to them before a network.

Must never guess what a network was trained on: values are `(pixel - mean) / std`, pixels in a
range that the user states, and what cannot be read from the input's shape is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Channels = float | Sequence[float]
Fit = Literal["crop", "stretch"]


@dataclass(frozen=True)
class ImageWishes:
    """The options of a folder of images, as the user gives them; nothing is checked here.

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
