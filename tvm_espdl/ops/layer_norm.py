"""layer_norm: the trailing dimensions brought to mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

import math

import numpy as np

from ..chips import Chip
from .base import FieldValue, ShiftedScales, Tensor, newton_root, rule
from .base.rounding import Array, power_of_two, round_float, saturate

LARGEST_DEVIATION = 64.0


class LayerNorm(ShiftedScales):
    """`y = saturate(round(((x - mean) / sqrt(variance + epsilon) * scale + bias) * 2**-oe))`.

    Everything between is float32, added up in index order. A compiler that fuses products and
    sums can make the chip differ by one step.

    Attributes
    ----------
    x, y : Tensor
        int8 or int16.
    scale, bias : Tensor or None
        Shape of the normalized dimensions, type of x.
    axis : int
        The first normalized dimension, not negative; all behind it are normalized together.
    epsilon : float
        Above 0.
    """

    x: Tensor
    scale: Tensor | None
    bias: Tensor | None
    y: Tensor
    axis: int
    epsilon: float = 1e-5

    name = "layer_norm"
    family = "normalization"
    constant_fields = ("scale", "bias")
    in_place = (0,)

    @property
    def extent(self) -> int:
        """Elements that are normalized together."""
        return math.prod(self.x.shape[self.axis :])

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_layer_normalization.hpp`."""
        x = arrays[0].reshape(-1, self.extent)
        unit = power_of_two(self.x.uniform_exponent)
        mean = (x.sum(axis=1, dtype=np.int64) / self.extent).astype(np.float32)
        variance = np.zeros(len(x), np.float32)
        for column in x.T:
            difference = column.astype(np.float32) - mean
            variance += difference * difference
        variance = variance * (unit * unit) / np.float32(self.extent)
        inverse = np.float32(1) / newton_root(variance + np.float32(self.epsilon))
        centred = x.astype(np.float32) * unit - (mean * unit)[:, None]
        scale, bias = self.float_parameters(arrays[1:])
        result = centred * inverse[:, None] * scale + bias
        scaled = result * power_of_two(-self.y.uniform_exponent)
        return saturate(round_float(scaled, chip), self.y.dtype).reshape(self.y.shape)

    def float_parameters(self, constants: tuple[Array, ...]) -> tuple[Array, Array]:
        """Scale and bias as float32, one value for each normalized element."""
        values = list(constants)
        found = []
        for tensor, default in ((self.scale, 1.0), (self.bias, 0.0)):
            if tensor is None:
                found.append(np.full(self.extent, default, np.float32))
            else:
                unit = power_of_two(tensor.uniform_exponent)
                found.append(values.pop(0).ravel().astype(np.float32) * unit)
        return found[0], found[1]

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """How often and how many, units and scale, epsilon, and the chip's rounding."""
        units = {
            f"{name}_unit": float(power_of_two(tensor.uniform_exponent)) if tensor else 1.0
            for name, tensor in (("x", self.x), ("scale", self.scale), ("bias", self.bias))
        }
        return {
            "outer": self.x.size // self.extent,
            "extent": self.extent,
            **units,
            "y_scale": float(power_of_two(-self.y.uniform_exponent)),
            "epsilon": float(np.float32(self.epsilon)),
            "half_even": int(chip.rounding == "half_even"),
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """Scale and bias where there are."""
        names = [name for name in self.constant_fields if getattr(self, name) is not None]
        return dict(zip(names, (c.ravel() for c in constants), strict=True))

    @rule(allowed="int8 or int16, one type", fix="quantize all of them alike")
    def types_are_equal(self, chip: Chip) -> str | None:
        """Data, scale, bias and result have one type: int8 or int16."""
        types = {t.dtype for t in (*self.inputs, *self.constants, self.y)}
        return None if types in ({"int8"}, {"int16"}) else f"types {sorted(types)}"

    @rule(allowed="the shape of the normalized dimensions", fix="broadcast scale and bias")
    def parameters_are_whole(self, chip: Chip) -> str | None:
        """Scale and bias have a value for each normalized element."""
        shapes = [t.shape for t in self.constants]
        return f"shapes {shapes}" if any(s != self.x.shape[self.axis :] for s in shapes) else None

    @rule(allowed="an epsilon above 0", fix="export the model with one")
    def epsilon_is_positive(self, chip: Chip) -> str | None:
        """Epsilon is above 0, for the kernel divides by the root of it and the variance."""
        return None if np.float32(self.epsilon) > 0 else f"epsilon {self.epsilon}"

    @rule(allowed="values below 64", fix="scale the input down", otherwise="portable")
    def root_ends(self, chip: Chip) -> str | None:
        """Inputs stay below 64, or the kernel's square root may never end.

        It stops when two steps of Newton's method differ by 1e-5 at most; float32 numbers above
        128 lie further apart.
        """
        most = -float(np.iinfo(self.x.dtype).min) * 2.0**self.x.uniform_exponent
        return None if most <= LARGEST_DEVIATION else f"inputs up to {most:g}"

    @rule(allowed="a sum within 32 bits", fix="normalize fewer elements")
    def sum_fits(self, chip: Chip) -> str | None:
        """The sum of all normalized integers fits 32 bits."""
        most = -int(np.iinfo(self.x.dtype).min) * self.extent
        return None if most < 2**31 else f"{self.extent} elements"
