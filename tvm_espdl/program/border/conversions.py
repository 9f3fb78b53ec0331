"""What firmware calls at the border of a network of integers: from floats, and back to floats.

They are no steps of a program, but records all the same: of a call in C, and of its result.
"""

from __future__ import annotations

import numpy as np

from ...chips import Chip
from ...ops import Tensor
from ...ops.base import Array, FieldValue, Unary, strides_of
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize

#: Dimensions of the walk.
RANK = 6


class _Conversion(Unary):
    """Float and integer, in two layouts: axis i of the integers is axis `axes[i]` of the floats."""

    axes: tuple[int, ...] = ()

    descriptor = "espdl_border_t"
    family = "conversion"

    @classmethod
    def in_esp_dl(cls) -> bool:
        """ESP-DL has no such thing."""
        return False

    @property
    def _back(self) -> tuple[int, ...]:
        return tuple(self.axes.index(axis) for axis in range(len(self.axes)))

    def _walk(self, read: tuple[int, ...], axes: tuple[int, ...]) -> dict[str, FieldValue]:
        """Extents of the result, and the steps through what is read; one axis where that will do.

        `read` is a shape, of which the result has the `axes`.
        """
        moving = [axis for axis in axes if read[axis] != 1]
        extents: tuple[int, ...] = (self.y.size,)
        strides: tuple[int, ...] = (1,)
        if moving != sorted(moving):
            dense = strides_of(read)
            extents = tuple(read[axis] for axis in moving)
            strides = tuple(dense[axis] for axis in moving)
        missing = RANK - len(extents)
        return {"extents": (1,) * missing + extents, "strides": (0,) * missing + strides}


class QuantizeInput(_Conversion):
    """`y = saturate(round(x * 2**-ye))` of floats x in the model's layout, then transposed."""

    name = "quantize_input"

    @property
    def suffix(self) -> str:
        """The type of the result."""
        return self.y.suffix

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """As `Quantize`, and a transpose."""
        integers = Tensor(self.y.dtype, self.x.shape, self.y.exponent)
        quantized = Quantize(self.x, integers).reference(chip, *arrays)
        return np.ascontiguousarray(quantized.transpose(self.axes))

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The walk through the floats, the scale, and the chip's rounding."""
        of_elements = Quantize(self.x, self.y).fields(chip)
        of_elements.pop("size")
        return {**self._walk(self.x.shape, self.axes), **of_elements}


class DequantizeOutput(_Conversion):
    """`y = float32(x) * 2**xe` of integers x, transposed to the model's layout."""

    name = "dequantize_output"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """As `Dequantize`, and a transpose."""
        real = Dequantize(self.x, self.y).reference(chip, *arrays)
        return np.ascontiguousarray(real.transpose(self._back))

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """The walk through the integers, and the scale; nothing is rounded."""
        of_elements = Dequantize(self.x, self.y).fields(chip)
        of_elements.pop("size")
        return {**self._walk(self.x.shape, self._back), **of_elements}
