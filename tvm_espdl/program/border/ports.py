"""What firmware exchanges with a network: for each input and output its form, and how to make it.

Forms of arrays are converted by the records of what the chip does; no formula stands here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...chips import Chip
from ...errors import DataError
from ...ops import Tensor
from ...ops.base.rounding import Array
from ...ops.quantize import Quantize
from ..program import Program
from .conversions import DequantizeOutput, QuantizeInput
from .pixel_form import SHADES

#: The model's own form; integers as the chip has them; pixels with channels last.
Format = Literal["float", "native", "uint8"]


@dataclass(frozen=True, eq=False)
class Port:
    """An input or an output.

    Attributes
    ----------
    name : str
        As the model has it.
    format : str
        What was asked for; `float` is the model's own form, whatever its type.
    model : Tensor
        As the model has it: dtype, shape.
    own : Tensor
        As firmware exchanges it.
    axes : tuple of int
        For each axis of `own`, the model's.
    shades : numpy.ndarray or None
        For pixels, what each shade of each channel is for the model: float32 (channels, 256).
    """

    name: str
    format: Format
    model: Tensor
    own: Tensor
    axes: tuple[int, ...]
    shades: Array | None = None

    @property
    def layout(self) -> str:
        """In words: `NHWC` and the like where channels have come last, else the model's own."""
        rank = len(self.axes)
        if self.shades is not None:
            return "NHWC"
        if self.axes == (0, *range(2, rank), 1) != tuple(range(rank)):
            return {3: "NWC", 4: "NHWC"}.get(rank, "channels last")
        if self.axes != tuple(range(rank)):
            return f"the model's own with its axes in the order {', '.join(map(str, self.axes))}"
        return "the model's own layout"

    @property
    def is_quantized(self) -> bool:
        """Whether the model has floats where firmware exchanges integers at an exponent."""
        return self.shades is None and self.model.dtype != self.own.dtype

    @property
    def quantize(self) -> QuantizeInput:
        """How floats become what firmware exchanges, where it `is_quantized`."""
        return QuantizeInput(self.model, self.own, self.axes)

    @property
    def dequantize(self) -> DequantizeOutput:
        """The way back."""
        return DequantizeOutput(self.own, self.model, self.axes)

    def exchanged(self, array: Array, chip: Chip) -> Array:
        """What firmware exchanges, of an array in the model's form.

        Raises
        ------
        DataError
            If there are no pixels that become it.
        """
        if self.shades is not None:
            return self._pixels_of(np.ascontiguousarray(array.transpose(self.axes)), chip)
        if self.is_quantized:
            return self.quantize.reference(chip, array)
        return np.ascontiguousarray(array.transpose(self.axes))

    def in_model_form(self, array: Array, chip: Chip) -> Array:
        """The way back, but for pixels: floats of integers."""
        return self.dequantize.reference(chip, array) if self.is_quantized else array

    def from_pixels(self, pixels: Array, chip: Chip) -> Array:
        """The model's form of pixels (1, H, W, C)."""
        assert self.shades is not None
        shades = self._of_model(self.shades, chip)
        last = shades[np.arange(len(shades)), pixels.astype(np.int64)]
        back = [self.axes.index(axis) for axis in range(len(self.axes))]
        return np.ascontiguousarray(last.transpose(back))

    def _of_model(self, shades: Array, chip: Chip) -> Array:
        """Shades as the model has them: floats, or integers where that is what it takes."""
        if self.model.dtype == "float32":
            return shades
        floats = Tensor("float32", shades.shape)
        integers = Tensor(self.model.dtype, shades.shape, self.model.exponent)
        return Quantize(floats, integers).reference(chip, shades)

    def _pixels_of(self, last: Array, chip: Chip) -> Array:
        assert self.shades is not None
        pixels = np.empty(last.shape, np.uint8)
        for channel, shades in enumerate(self._of_model(self.shades, chip)):
            order = np.argsort(shades, kind="stable")
            place = np.searchsorted(shades[order], last[..., channel])
            pixels[..., channel] = order[np.minimum(place, SHADES - 1)]
            wrong = shades[pixels[..., channel]] != last[..., channel]
            if wrong.any():
                raise DataError(
                    "the sample is not made of pixels",
                    where=f"input {self.name!r}",
                    found=f"{last[..., channel][wrong][0]} in channel {channel}",
                    allowed="what pixels from 0 to 255 become with this mean, std and pixel range: "
                    f"for this channel {shades.min():g} to {shades.max():g}",
                    try_=f"an image, or a uint8 array of shape {self.own.shape}",
                )
        return pixels


@dataclass(frozen=True, eq=False)
class Border:
    """A network as firmware has it, and what it exchanges.

    Attributes
    ----------
    program : Program
        The network between its ports.
    network : Program
        The same with integers in the place of pixels, by which the firmware is known.
    inputs, outputs : tuple of Port
        In the model's order.
    """

    program: Program
    network: Program
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def in_model_form(self, sample: Any) -> Any:
        """A sample with pixels as the model has them; everything else as it is.

        Parameters
        ----------
        sample : array, list, dict or None
            None for black images and zeros.
        """
        if sample is None:
            arrays = [
                np.zeros(p.own.shape, np.uint8)
                if p.shades is not None
                else np.zeros(p.model.shape, p.model.dtype)
                for p in self.inputs
            ]
        elif isinstance(sample, Mapping):
            ports = {port.name: port for port in self.inputs}
            return {n: self._of(ports[n], a) if n in ports else a for n, a in sample.items()}
        else:
            arrays = list(sample) if isinstance(sample, (list, tuple)) else [sample]
        if len(arrays) != len(self.inputs):
            return arrays
        return [self._of(port, array) for port, array in zip(self.inputs, arrays, strict=True)]

    def _of(self, port: Port, array: Any) -> Any:
        is_pixels = getattr(array, "dtype", None) == np.uint8 and port.shades is not None
        if not is_pixels or array.shape != port.own.shape:
            return array
        return port.from_pixels(np.asarray(array), self.program.chip)

    def sample(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> tuple[list[Array], ...]:
        """Inputs and outputs as firmware exchanges them, of arrays in the model's form.

        Raises
        ------
        DataError
            As `Port.exchanged`.
        """
        chip = self.program.chip
        both = ((self.inputs, inputs), (self.outputs, outputs))
        return tuple(
            [port.exchanged(array, chip) for port, array in zip(ports, arrays, strict=True)]
            for ports, arrays in both
        )
