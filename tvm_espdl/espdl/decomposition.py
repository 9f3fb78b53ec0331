"""Operators that no chip runs as they are, and what together gives their results.

The parts may break another rule, and are taken apart again by whoever calls them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..chips import Chip
from ..ops import Operator, Tensor
from ..ops.base.operator import Refusal
from ..ops.base.rounding import Array
from ..ops.concat import Concat
from ..ops.lut import Lut
from . import image_parts, rank_parts
from .parts import Parts

Way = Callable[[Any, Sequence[Array]], Parts | None]

WIDER = {"int8": "int16", "int32": "int64"}


def parts_of(
    operator: Operator, constants: Sequence[Array], chip: Chip
) -> tuple[Refusal, str, Parts] | None:
    """The rule that an operator breaks, how it is computed all the same, and the calls.

    None where it breaks no rule, or none for which there is a way.
    """
    for refusal in operator.refusals(chip):
        for how, way in WAYS.get(refusal.rule, ()) if refusal.otherwise == "refused" else ():
            parts = way(operator, constants)
            if parts is not None:
                return refusal, how, parts
    return None


def _wide(whole: Any, constants: Sequence[Array]) -> Parts | None:
    """The operator of int16, where int8 and int16 meet."""
    inputs: tuple[Tensor, ...] = whole.inputs
    weights = {tensor.dtype for tensor in whole.constants} & {"int8", "int16"}
    types = {tensor.dtype for tensor in (*inputs, whole.y)} | weights
    if types - {"bool"} != {"int8", "int16"} or isinstance(whole, Lut):
        return None
    names = (*whole.input_fields, *whole.constant_fields, "y")
    if isinstance(whole, Concat):
        names = ("xs", "y")
    wide = dataclasses.replace(whole, **{name: _wider(getattr(whole, name)) for name in names})
    parts = Parts(len(inputs))
    pairs = enumerate(zip(inputs, wide.inputs, strict=True))
    places = [parts.rescaled(place, x, y) for place, (x, y) in pairs]
    stored = zip(constants, wide.constants, strict=True)
    wider = [array.astype(tensor.dtype) for array, tensor in stored]
    parts.rescaled(parts.add(wide, *places, constants=wider), wide.y, whole.y)
    return parts


def _wider(field: Any) -> Any:
    if isinstance(field, tuple):
        return tuple(map(_wider, field))
    known = field is not None and field.dtype in WIDER
    return dataclasses.replace(field, dtype=WIDER[field.dtype]) if known else field


def _narrow_bias(whole: Any, constants: Sequence[Array]) -> Parts | None:
    """The bias as 32-bit numbers, where they hold it."""
    weights, bias = constants
    limits = np.iinfo(np.int32)
    if whole.x.dtype != "int8" or bias.dtype.kind != "i":
        return None
    if not limits.min <= bias.min() <= bias.max() <= limits.max:
        return None
    parts, b = Parts(1), dataclasses.replace(whole.b, dtype="int32")
    parts.add(dataclasses.replace(whole, b=b), 0, constants=[weights, bias.astype(np.int32)])
    return parts


#: By the rule that is broken: in words and in calls how the result comes about all the same.
WAYS: Mapping[str, tuple[tuple[str, Way], ...]] = {
    "batch_is_one": (("The samples are computed one after the other.", image_parts.samples),),
    "is_one_image": (("The samples are computed one after the other.", image_parts.samples),),
    "types_are_equal": (("The narrower integers are widened first.", _wide),),
    "type_is_int8": (("Rows and columns are gathered.", image_parts.picked_pixels),),
    "shift_fits_vectors": (("Rows and columns are gathered.", image_parts.picked_pixels),),
    "has_two_pixels": (("The single pixel is repeated.", image_parts.repeated_pixels),),
    "padding_is_inside_kernel": (("The padding is a step of its own.", image_parts.padded_pool),),
    "bias_type_suits_data": (("The bias is narrowed, which loses nothing.", _narrow_bias),),
    "merged_rank_fits": (
        ("What is repeated in outer dimensions is repeated before.", rank_parts.broadcast),
    ),
    "ranks_fit": (("Outer dimensions become one.", rank_parts.matmul),),
    "rank_fits": (("One axis is moved after the other.", rank_parts.walked),),
}
