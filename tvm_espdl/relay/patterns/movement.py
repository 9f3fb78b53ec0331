"""Operators that move or choose elements: from reshape and transpose to pixel shuffles.

A split arrives as slices; squeeze, unsqueeze and flatten arrive as reshape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.relax.dpl import is_const, is_op, is_tuple, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor, operator_class
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array
from ...ops.concat import MAX_INPUTS, Concat
from ...ops.gather import Gather
from ...ops.reshape import Reshape
from ...ops.slice import Slice
from ...ops.transpose import Transpose
from ..ir import array_of
from .dataflow import dequantized, maybe_requantized, quantized
from .match import Match, Pattern, of_call

# Axes of the transpose in the middle of a shuffle, by operator and mode.
SHUFFLES = (
    ("depth_to_space", "DCR", (0, 3, 4, 1, 5, 2)),
    ("depth_to_space", "CRD", (0, 1, 4, 2, 5, 3)),
    ("space_to_depth", "DCR", (0, 3, 5, 1, 2, 4)),
    ("space_to_depth", "CRD", (0, 1, 3, 5, 2, 4)),
)

INDICES_ARE_INSIDE = FormRule(
    "indices_are_inside",
    ("gather",),
    "The indices of a gather lie inside the axis.",
    "0 and more, below the extent of the axis",
    "correct the indices",
)
ONE_AXIS_IS_REPEATED = FormRule(
    "one_axis_is_repeated",
    ("gather",),
    "A tensor is repeated along one axis, as slices that constant indices name.",
    "one axis that grows, and no new ones",
    "repeat one axis after the other",
)
NUMBERS_STAY_INSIDE = FormRule(
    "numbers_stay_inside",
    ("depth_to_space", "space_to_depth"),
    "Between its steps, a shuffle has the exponent and type of its input.",
    "the type and exponent of the input",
    "quantize the steps alike",
)
SHAPES_ARE_OF_A_SHUFFLE = FormRule(
    "shapes_are_of_a_shuffle",
    ("depth_to_space", "space_to_depth"),
    "Before and behind the transpose of a shuffle, channels are split into square blocks.",
    "the shapes of DepthToSpace or SpaceToDepth",
    "export it as one operator",
)


def patterns() -> list[Pattern]:
    """All of them; concat once for each number of inputs."""
    return [
        of_call("reshape", "reshape", _reshape, wildcard()),
        of_call("transpose", "permute_dims", _transpose),
        *(_concat(count) for count in range(1, MAX_INPUTS + 1)),
        _slice(),
        of_call("gather", "take", _gather, is_const(), constants=_indices),
        *(
            of_call("gather", name, _repeated, *others, constants=_repeated_indices, form=form)
            for name, others, form in (
                ("broadcast_to", (wildcard(),), "of Expand"),
                ("tile", (), "of Tile"),
            )
        ),
        *(_shuffle(*row) for row in SHUFFLES),
    ]


def _reshape(match: Match) -> Operator:
    return Reshape(match.tensor("x"), match.output)


def _transpose(match: Match) -> Operator:
    x, axes = match.tensor("x"), match["call"].attrs.axes
    order = range(len(x.shape))[::-1] if axes is None else match.axes(axes)
    return Transpose(x, match.output, tuple(order))


def _concat(count: int) -> Pattern:
    names = tuple(f"x{n}" for n in range(count))
    parts = [dequantized() for _ in names]
    concat = is_op("relax.concat")(is_tuple(parts))
    roles = {**dict(zip(names, parts, strict=True)), "concat": concat}

    def build(match: Match) -> Operator:
        axis = int(match["concat"].attrs.axis) % len(match.output.shape)
        return Concat(tuple(match.tensor(name) for name in names), match.output, axis)

    return Pattern("concat", quantized(concat), roles, build, names, form=f"of {count}")


def _slice() -> Pattern:
    x = dequantized()
    call = is_op("relax.strided_slice")(x, varg_default_wildcard=True)

    def build(match: Match) -> Operator | Refusal:
        tensor, y = match.tensor("x"), match.output
        starts, steps = [0] * len(tensor.shape), [1] * len(tensor.shape)
        axes, begins, _, *strides = (_integers(a) for a in match["slice"].args[1:])
        for place, axis in enumerate(axes):
            extent, step = tensor.shape[axis], strides[0][place] if strides else 1
            begin = begins[place] + extent if begins[place] < 0 else begins[place]
            starts[axis] = min(max(begin, 0), extent if step > 0 else extent - 1)
            steps[axis] = step
        return Slice(tensor, y, tuple(starts), tuple(steps))

    return Pattern("slice", quantized(call), {"x": x, "slice": call}, build)


def _integers(argument: Any) -> list[int]:
    return [int(getattr(field, "value", field)) for field in argument.fields]


def _gather(match: Match) -> Operator | Refusal:
    x, axis = match.tensor("x"), match.axis()
    (array,) = _indices(match)
    if array.size and not 0 <= array.min() <= array.max() < x.shape[axis]:
        found = f"indices from {array.min()} to {array.max()} of {x.shape[axis]}"
        return INDICES_ARE_INSIDE.refused(found)
    return Gather(x, match.output, Tensor("int64", array.shape), axis)


def _indices(match: Match, chip: Chip | None = None) -> tuple[Array, ...]:
    """Counted from the front."""
    array = array_of(match["call"].args[1]).astype(np.int64)
    return (np.where(array < 0, array + match.tensor("x").shape[match.axis()], array),)


def _repeated(match: Match) -> Operator | Refusal:
    x, y = match.tensor("x"), match.output
    axes = _grown(x.shape, y.shape)
    if len(x.shape) != len(y.shape) or len(axes) != 1:
        return ONE_AXIS_IS_REPEATED.refused(f"{x.shape} to {y.shape}")
    return Gather(x, y, Tensor("int64", (y.shape[axes[0]],)), axes[0])


def _repeated_indices(match: Match, chip: Chip | None = None) -> tuple[Array, ...]:
    """All slices of the axis, again and again."""
    x, y = match.tensor("x").shape, match.output.shape
    (axis,) = _grown(x, y)
    return (np.arange(y[axis], dtype=np.int64) % x[axis],)


def _grown(x: tuple[int, ...], y: tuple[int, ...]) -> list[int]:
    return [axis for axis, extents in enumerate(zip(x, y, strict=False)) if len(set(extents)) > 1]


def _shuffle(operator: str, mode: str, axes: tuple[int, ...]) -> Pattern:
    x = dequantized()
    split, after_split = maybe_requantized(is_op("relax.reshape")(x, wildcard()))
    transposed = is_op("relax.permute_dims")(split).has_attr({"axes": list(axes)})
    moved, after_moved = maybe_requantized(transposed)
    joined = is_op("relax.reshape")(moved, wildcard())
    between = {"after_split": after_split, "after_moved": after_moved}

    def build(match: Match) -> Operator | Refusal:
        tensor, y = match.tensor("x"), match.output
        numbers = [match.tensor(role) for role in between if role in match]
        if any((t.dtype, t.exponent) != (tensor.dtype, tensor.exponent) for t in numbers):
            found = ", ".join(f"{t.dtype} at exponent {t.exponent}" for t in (tensor, *numbers))
            return NUMBERS_STAY_INSIDE.refused(found)
        block = _block(tensor.shape, y.shape, operator == "depth_to_space")
        if block is None:
            found = f"{tensor.shape} to {y.shape} as {operator}"
            return SHAPES_ARE_OF_A_SHUFFLE.refused(found)
        kind: Any = operator_class(operator)
        made: Operator = kind(*match.images(), block, mode)
        return made

    roles = {"x": x, **between}
    return Pattern(operator, quantized(joined), roles, build, form=mode)


def _block(x: tuple[int, ...], y: tuple[int, ...], wider: bool) -> int | None:
    """Rows of a block, from NCHW shapes; None where there are no blocks."""
    deep, wide = (x, y) if wider else (y, x)
    if len(deep) != 4 or len(wide) != 4:
        return None
    block = wide[2] // deep[2]
    whole = (deep[0], deep[1] // block**2 if block else 0, deep[2] * block, deep[3] * block)
    return block if block and whole == wide else None
