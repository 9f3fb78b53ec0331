"""The exponent that suits all tensors of a group best, by the distributions of their values.

Must never know what a kernel needs of several groups; that is `assignment`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..chips import Rounding
from .calibration import TensorRange
from .exponents import smallest_exponent
from .methods import DEPTH, Method
from .plan import Plan
from .sharing import Member

#: Exponents above the saturation-free one that int16 activations are given: values up to twice as
#: large as any in calibration still fit.
HEADROOM = 1

#: Operators whose result is mostly that of their largest inputs, so that these must not saturate.
_MAGNIFYING = ("Exp",)


def shared_exponent(
    ranges: Sequence[TensorRange],
    weights: Sequence[float],
    bits: int,
    method: Method | None,
    rounding: Rounding,
    *,
    headroom: bool,
    magnified: bool,
) -> int:
    """The exponent at which the costs of all tensors of a group, times weights, are least in sum.

    `method` gives the costs of exponents; it is None where no value may saturate. With `headroom`
    values may be larger than those that were seen; where the group is `magnified`, none may
    saturate whatever the method says. Tensors whose weight is 0 do not count.
    """
    weighed = [(r, weight) for r, weight in zip(ranges, weights, strict=True) if weight > 0]
    weighed = weighed or [(r, 1.0) for r in ranges]
    whole = max(smallest_exponent(r.low, r.high, bits, rounding) for r, _ in weighed)
    if method is None:
        return whole
    if bits == 16:
        # Rounding is 48 dB below that of int8: only saturation could be heard.
        return whole + (HEADROOM if headroom else 0)
    if magnified:
        return whole
    # From the coarsest down: of equal costs, the one at which nothing saturates is taken.
    candidates = np.arange(whole, whole - DEPTH - 1, -1)
    costs = np.sum([weight * method(r, candidates, bits) for r, weight in weighed], axis=0)
    return int(candidates[np.argmin(costs)])


def is_magnified(members: Iterable[Member], plan: Plan) -> bool:
    """Whether a quantized operator that magnifies large values reads a tensor of a group."""
    readers = {i for m in members if isinstance(m, str) for i in plan.graph.consumers(m)}
    return any(i in plan.rules and plan.graph.nodes[i].op_type in _MAGNIFYING for i in readers)
