"""The weights of a layer were read in another order than they lie in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...chips import FAMILIES, Chip, find_chip
from ...ops.base.packing import pack_filter
from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation

#: Axes of OIHW in the order in which they lie in memory, by the names of such layouts.
_PLAIN = {"OIHW": (0, 1, 2, 3), "OHWI": (0, 2, 3, 1), "HWIO": (2, 3, 1, 0), "HWOI": (2, 3, 0, 1)}


class FilterLayout(Explanation):
    """The layer's weights were read in another order than they lie in.

    Try: export the project for the chip that it runs on; where weights come from elsewhere, bring
    them into the chip's own order (docs/exactness.md).
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Packed in each other order and read as the chip does, and the other way round."""
        products = run.products
        if products is None or not run.constants:
            return
        w, *b = run.constants
        filter_ = _as_oihw(w)
        own = _order(run.chip, filter_, depthwise=products.lanes_only)
        tried = [own]
        for name, other in _others(filter_, depthwise=products.lanes_only):
            if any(np.array_equal(other, order) for order in tried):
                continue
            tried.append(other)
            for packed, read in ((other, own), (own, other)):
                flat = np.empty(w.size, w.dtype)
                flat[read] = filter_.ravel()[packed]
                changed = _like(flat.reshape(filter_.shape), w)
                words = (name, "this chip's") if packed is other else ("this chip's", name)
                detail = f"they lie in {words[0]} order and are read in {words[1]}"
                yield detail, run.recomputed(constants=(changed, *b))


def _as_oihw(w: Array) -> Array:
    """Weights of a gemm, (K, N), and of a signal's filter, (O, I, K), as those of an image's."""
    if w.ndim == 2:
        return np.ascontiguousarray(w.T)[:, :, None, None]
    return w[:, :, None] if w.ndim == 3 else w


def _like(filter_: Array, w: Array) -> Array:
    """The way back."""
    if w.ndim == 2:
        return np.ascontiguousarray(filter_[:, :, 0, 0].T)
    return filter_.reshape(w.shape)


def _others(filter_: Array, *, depthwise: bool) -> Iterator[tuple[str, Array]]:
    for name in FAMILIES.values():
        chip = find_chip(name)
        yield f"the {name}'s", _order(chip, filter_, depthwise=depthwise)
        if depthwise:
            yield f"the {name}'s plain filters'", _order(chip, filter_, depthwise=False)
    places = np.arange(filter_.size).reshape(filter_.shape)
    for name, axes in _PLAIN.items():
        yield name, places.transpose(axes).ravel()


def _order(chip: Chip, filter_: Array, *, depthwise: bool) -> Array:
    """For each place in memory, the flat index of the weight that lies there."""
    digits = np.arange(filter_.size, dtype="<i4").view(filter_.dtype.newbyteorder("<"))
    columns = digits.reshape(filter_.size, -1).astype(filter_.dtype).T
    packed = [
        pack_filter(chip, np.ascontiguousarray(column).reshape(filter_.shape), depthwise=depthwise)
        for column in columns
    ]
    whole = np.ascontiguousarray(np.stack(packed, axis=-1).astype(digits.dtype))
    return whole.view("<i4").ravel()
