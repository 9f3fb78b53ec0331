"""The largest and the smallest of floats as functions in TIR, right for infinities as well.

TVM's own begin with the largest finite number, and give that for a row of infinities. Nothing else
about them differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tvm import relax, te, tirx, topi

from .ir import dtype_of, shape_of

#: For each reduction how two elements are combined, what it begins with, and TVM's own.
EXTREMES: dict[str, tuple[Any, float, Any]] = {
    "max": (tirx.max, -math.inf, topi.max),
    "min": (tirx.min, math.inf, topi.min),
}


def extreme(name: str) -> Callable[[relax.BlockBuilder, Any], Any]:
    """What `relax.transform.LegalizeOps` calls for `relax.max` or `relax.min`."""
    combine, first, own = EXTREMES[name]

    def legalize(builder: relax.BlockBuilder, call: Any) -> Any:
        x, rank = call.args[0], len(shape_of(call.args[0]))
        given = call.attrs.axis
        axes = sorted(int(a) % rank for a in (range(rank) if given is None else given))
        kept = bool(call.attrs.keepdims)
        if not dtype_of(x).startswith("float") or not axes:
            return builder.call_te(own, x, axes, kept, primfunc_name_hint=name)

        def both(a: Any, b: Any) -> Any:  # TVM wants to know how many it takes
            return combine(a, b)

        reduce = te.comm_reducer(both, lambda dtype: tirx.const(first, dtype), name=name)

        def reduced(x: Any) -> Any:
            return _reduced(x, reduce, axes, kept)

        return builder.call_te(reduced, x, primfunc_name_hint=name)

    return legalize


def _reduced(x: Any, reduce: Any, axes: Sequence[int], kept: bool) -> Any:
    along = {axis: te.reduce_axis((0, x.shape[axis]), name=f"k{axis}") for axis in axes}
    rest = [axis for axis in range(len(x.shape)) if axis not in along]
    shape = [1 if axis in along else n for axis, n in enumerate(x.shape) if kept or axis in rest]

    def element(*places: Any) -> Any:
        outer = iter(places) if not kept else iter([places[axis] for axis in rest])
        index = [along[axis] if axis in along else next(outer) for axis in range(len(x.shape))]
        return reduce(x(*index), axis=list(along.values()))

    return te.compute(shape, element, name="x_red", tag=topi.tag.COMM_REDUCE)
