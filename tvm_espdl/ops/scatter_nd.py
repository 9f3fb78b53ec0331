"""scatter_nd: a copy of a tensor in which the slices that constant indices name are replaced."""

from __future__ import annotations

import math

import numpy as np

from ..chips import Chip
from .base import AllOfOneType, Array, FieldValue, Tensor, rule, saturate, strides_of

REDUCTIONS = ("none", "add", "mul", "max", "min")


class ScatterNd(AllOfOneType):
    """`y = data`, then `y[indices[i]] = reduce(y[indices[i]], updates[i])`, one i after the other.

    Attributes
    ----------
    data, updates, y : Tensor
        int8 or int16.
    indices : Tensor
        int64; a constant, each index 0 or more and below the extent of its axis.
    reduction : str
        `none` (the update alone), `add` and `mul` (both saturate), `max` or `min`.
    """

    data: Tensor
    indices: Tensor
    updates: Tensor
    y: Tensor
    reduction: str = "none"

    name = "scatter_nd"
    family = "placement"
    input_fields = ("data", "updates")
    constant_fields = ("indices",)
    in_place = (0,)

    @property
    def slice_size(self) -> int:
        """Elements of one slice."""
        return math.prod(self.data.shape[self.indices.shape[-1] :])

    def places(self, indices: Array) -> Array:
        """Where each slice begins in the flat tensor; int64."""
        depth = self.indices.shape[-1]
        strides = np.array(strides_of(self.data.shape)[:depth], np.int64)
        places: Array = indices.reshape(-1, depth).astype(np.int64) @ strides
        return places

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_scatter_nd.hpp`."""
        data, updates, indices = arrays
        y = data.flatten()
        size = self.slice_size
        for place, update in zip(self.places(indices), updates.reshape(-1, size), strict=True):
            y[place : place + size] = self._reduced(y[place : place + size], update)
        return y.reshape(self.y.shape)

    def _reduced(self, current: Array, update: Array) -> Array:
        if self.reduction == "none":
            return update
        if self.reduction in ("max", "min"):
            choose = np.maximum if self.reduction == "max" else np.minimum
            return choose(current, update)
        wide = current.astype(np.int64)
        result = wide + update if self.reduction == "add" else wide * update
        return saturate(result, self.y.dtype)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Sizes, how many slices, and what an update does."""
        return {
            "size": self.y.size,
            "slices": self.indices.size // self.indices.shape[-1],
            "slice_size": self.slice_size,
            "reduction": f"ESPDL_SCATTER_{self.reduction.upper()}",
        }

    def arrays(self, *constants: Array) -> dict[str, Array]:
        """Where each slice begins."""
        return {"places": self.places(constants[0]).astype(np.int32)}

    @rule(
        allowed="one exponent; for mul 0 for the updates",
        fix="requantize the inputs",
        otherwise="followed",
    )
    def exponents_fit(self, chip: Chip) -> str | None:
        """Data, updates and output have the same exponent, for the kernel reads none of them.

        A product is not shifted either: factors of `reduction="mul"` are whole numbers.
        """
        wanted = 0 if self.reduction == "mul" else self.y.exponent
        fits = self.data.exponent == self.y.exponent and self.updates.exponent == wanted
        exponents = (self.data.exponent, self.updates.exponent, self.y.exponent)
        return None if fits else f"exponents {exponents}"

    @rule(allowed=", ".join(REDUCTIONS), fix="use one of these")
    def reduction_is_known(self, chip: Chip) -> str | None:
        """A scatter replaces, adds, multiplies, or takes the larger or the smaller value."""
        return None if self.reduction in REDUCTIONS else self.reduction

    @rule(
        allowed="fewer updates than data",
        fix="compute the whole tensor instead",
        otherwise="portable",
    )
    def updates_survive(self, chip: Chip) -> str | None:
        """There are fewer updates than data.

        Otherwise ESP-DL may put the result where the updates are, and copies the data over them.
        """
        counts = (self.updates.size, self.data.size)
        return None if counts[0] < counts[1] else f"{counts[0]} updates of {counts[1]} elements"
