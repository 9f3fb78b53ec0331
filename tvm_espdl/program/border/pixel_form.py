"""What pixels become before a network: `(pixel - mean) / std`, pixels in a range that users state.

The one definition, for calibration images, for sample inputs, and for the tables of firmware.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ...errors import DataError
from ...ops.base.rounding import Array

Doubles = npt.NDArray[np.float64]
SHADES = 256


@dataclass(frozen=True)
class PixelForm:
    """How a network wants its pixels.

    Attributes
    ----------
    mean, std : float or sequence of float
        One value, or one per channel, in units of `pixel_range`.
    pixel_range : (float, float)
        What black and white are before `mean` and `std`.
    layout : str, optional
        "NCHW" or "NHWC": where the model's own input has its channels, if nothing else tells.
    """

    mean: Any = 0.0
    std: Any = 1.0
    pixel_range: tuple[float, float] = (0.0, 1.0)
    layout: Literal["NCHW", "NHWC"] | None = None

    def table(self, channels: int) -> npt.NDArray[np.float32]:
        """What each shade of each channel becomes: float32 (channels, 256).

        Raises
        ------
        DataError
            If `mean`, `std` or `pixel_range` are no usable numbers, or too many.
        """
        mean, std = per_channel(self.mean, channels, "mean"), per_channel(self.std, channels, "std")
        shades = np.repeat(np.arange(SHADES, dtype=np.uint8)[:, np.newaxis], channels, axis=1)
        checked_range(self.pixel_range)
        real = normalized(shades, mean, std, self.pixel_range, np.dtype(np.float32))
        return np.ascontiguousarray(real.T)


def normalized(
    pixels: Array,
    mean: Doubles,
    std: Doubles,
    pixel_range: tuple[float, float],
    dtype: np.dtype[Any],
) -> Array:
    """Pixels (..., C) of uint8 as the network's floats.

    Formed in double precision and rounded once, so that every order of the same operations in
    training code differs from it by rounding only.
    """
    black, white = pixel_range
    real = black + pixels.astype(np.float64) * ((white - black) / 255.0)
    return ((real - mean) / std).astype(dtype)


def checked_range(pixel_range: object) -> None:
    """Refuse what is no range of pixels.

    Raises
    ------
    DataError
        If it is not two finite numbers, the first one smaller.
    """
    allowed = "two finite numbers, black below white, such as 0..1, 0..255 or -1..1"
    ends = numbers_of(pixel_range, "pixel_range", allowed)
    if not (ends.shape == (2,) and np.isfinite(ends).all() and ends[0] < ends[1]):
        raise DataError(
            "the pixel range is empty",
            where="option pixel_range",
            found="..".join(f"{end:g}" for end in ends.ravel()),
            allowed=allowed,
            try_="leave it out for 0..1",
        )


def per_channel(values: object, channels: int, option: str) -> Doubles:
    """A mean or deviation: one number, or one for each channel.

    Raises
    ------
    DataError
        If they are no usable numbers, or another number of them.
    """
    array = numbers_of(values, option, f"1 number, or {channels}: one per channel")
    if array.shape not in ((1,), (channels,)):
        what, allowed = "wrong number of values for", f"1 value, or {channels}: one per channel"
        raise _unusable(option, f"{what} {option}", f"{array.size} values", allowed)
    if not np.isfinite(array).all() or (option == "std" and not (array > 0).all()):
        allowed = "finite numbers above 0" if option == "std" else "finite numbers"
        raise _unusable(option, f"{option} is no usable number", array.tolist(), allowed)
    return array


def numbers_of(values: object, option: str, allowed: str) -> Doubles:
    """What a user gives for numbers, in one dimension.

    Raises
    ------
    DataError
        If they are none; the message says what is `allowed`.
    """
    try:
        return np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (ValueError, TypeError) as problem:
        what = f"{option} is no usable number"
        raise _unusable(option, what, repr(values), allowed) from problem


def _unusable(option: str, what: str, found: object, allowed: str) -> DataError:
    advice = "the values that the network was trained with"
    return DataError(what, where=f"option {option}", found=found, allowed=allowed, try_=advice)
