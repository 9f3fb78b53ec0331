"""pad: elements before and behind each axis: a constant, the edge, or the reflected inside."""

from __future__ import annotations

import numpy as np

from ..chips import Chip
from .base import Array, FieldValue, MovedIntegers, Operator, rule

MAX_RANK = 6
Shape = tuple[int, ...]
MODES = ("constant", "edge", "reflect")


class Pad(MovedIntegers):
    """x with `before` and `after` more elements along each axis, int8 or int16.

    Attributes
    ----------
    before, after : tuple of int
        Elements to add along each axis.
    mode : str
        `constant`, `edge` or `reflect`.
    value : int
        The constant, as an integer of the tensor.
    """

    before: Shape = ()
    after: Shape = ()
    mode: str = "constant"
    value: int = 0

    name = "pad"
    family = "placement"

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/base/dl_base_pad.cpp`."""
        widths = list(zip(self.before, self.after, strict=True))
        if self.mode == "constant":
            return np.pad(arrays[0], widths, constant_values=arrays[0].dtype.type(self.value))
        return np.pad(arrays[0], widths, mode="edge" if self.mode == "edge" else "reflect")

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Extents of six dimensions, what is added in front of them, and with which values."""
        missing = MAX_RANK - len(self.x.shape)
        return {
            "input_extents": (1,) * missing + self.x.shape,
            "output_extents": (1,) * missing + self.y.shape,
            "before": (0,) * missing + self.before,
            "mode": f"ESPDL_PAD_{self.mode.upper()}",
            "value": self.value,
        }

    def permuted(self, axes: tuple[int, ...]) -> Operator:
        """The same on transposed tensors."""
        before, after = (tuple(n[axis] for axis in axes) for n in (self.before, self.after))
        return self.transposed(axes, before=before, after=after)

    @rule(allowed=f"up to {MAX_RANK} dimensions", fix="reshape first")
    def rank_fits(self, chip: Chip) -> str | None:
        """A padded tensor has at most 6 dimensions."""
        return None if len(self.x.shape) <= MAX_RANK else f"{len(self.x.shape)} dimensions"

    @rule(allowed="mode constant", fix="reshape first", otherwise="portable")
    def inside_has_few_dimensions(self, chip: Chip) -> str | None:
        """Values of the inside are repeated in at most 4 dimensions, and a fifth, unpadded first.

        Beyond, ESP-DL v3.3.9 writes nothing.
        """
        first = self.before[:1] + self.after[:1]
        fits = len(self.x.shape) <= 4 or (len(self.x.shape) == 5 and not any(first))
        return None if self.mode == "constant" or fits else f"{len(self.x.shape)} dimensions"

    @rule(allowed="constant, edge and reflect", fix="pad in another mode")
    def mode_is_known(self, chip: Chip) -> str | None:
        """The padding is a constant, the edge or the reflected inside."""
        return None if self.mode in MODES else f"mode {self.mode}"

    @rule(allowed="padding of 0 and more", fix="slice what is to be removed")
    def padding_only_adds(self, chip: Chip) -> str | None:
        """Padding is not negative: it removes no elements."""
        return f"{self.before} and {self.after}" if min(*self.before, *self.after) < 0 else None

    @rule(allowed="padding smaller than the axis", fix="pad with the edge or a constant")
    def reflection_has_enough_to_reflect(self, chip: Chip) -> str | None:
        """Reflected padding is smaller than the axis it reflects."""
        if self.mode != "reflect":
            return None
        widths = map(max, self.before, self.after)
        enough = all(w < extent for w, extent in zip(widths, self.x.shape, strict=True))
        return None if enough else f"{self.before} and {self.after} of {self.x.shape}"
