"""MatMul: the runtime reads the right factor in the layout of a 1x1 filter, computed or constant.

Source: ESP-DL `dl/module/include/dl_module_matmul.hpp`.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ...ops import Tensor
from ...ops.base.packing import pack_filter
from ...ops.base.rounding import Array
from ...ops.matmul import Matmul
from ..filters import matrix_order
from ..step_view import Emitters, StepView
from .products import ACTIVATIONS, layout_name

Shape = tuple[int, ...]


def matmul(step: StepView) -> None:
    """One node, and in front of it those that bring a computed right factor into the layout."""
    operator: Matmul = step.operator
    constant = step.fixed[1]
    if step.fixed[0] is not None:
        step.refuse("a matrix product whose left factor is constant", allowed="a computed one")
    right = _packed(step) if constant is None else _packed_constant(step, constant)
    activation = ACTIVATIONS[operator.activation]
    step.node("MatMul", [step.operand(0), right], {"activation": activation})


def _packed_constant(step: StepView, constant: Array) -> str:
    matrices = constant.reshape(-1, *constant.shape[-2:])
    filters = [np.ascontiguousarray(matrix.T)[:, :, None, None] for matrix in matrices]
    packed = [pack_filter(step.chip, filter_, depthwise=False) for filter_ in filters]
    return step.constant(
        "matrix",
        np.concatenate(packed),
        constant.shape,
        step.operator.b.exponent,
        layout=layout_name(step, filters[0], 2, depthwise=False),
    )


def _packed(step: StepView) -> str:
    """Full blocks of columns with their rows in between, then the other columns one by one."""
    b: Tensor = step.operator.b
    if step.packed_factor:
        shape = step.draft.values[step.packed_factor].shape or ()
        stored = dataclasses.replace(b, shape=shape)
        return _reshaped(step, "packed", step.packed_factor, stored, b.shape)
    name, lanes = step.inputs[1], step.chip.lanes(b.dtype)
    order = matrix_order(b.shape, lanes)
    if (order == np.arange(order.size)).all():
        return name
    depth, columns = b.shape[-2:]
    count = b.size // (depth * columns)
    full = columns // lanes * lanes if lanes else 0
    matrices = _reshaped(step, "matrices", name, b, (count, depth, columns))
    parts, sizes = [], []
    for what, begin, end in (("blocks", 0, full), ("rest", full, columns)):
        if begin < end:
            width = lanes if what == "blocks" else 1
            parts.append(_part(step, what, matrices, (begin, end, width)))
            sizes.append(depth * (end - begin))
    if len(parts) > 1:
        whole = step.between("joined", dataclasses.replace(b, shape=(count, sum(sizes))))
        step.node("Concat", parts, {"axis": 1}, output=whole)
        parts = [whole]
    flat = dataclasses.replace(b, shape=(count, sum(sizes)))
    return _reshaped(step, "packed", parts[0], flat, b.shape)


def _part(step: StepView, what: str, matrices: str, columns: tuple[int, int, int]) -> str:
    """Columns `begin` to `end` in blocks of `width`, as one row for each matrix."""
    b: Tensor = step.operator.b
    begin, end, width = columns
    depth, count = b.shape[-2], b.size // math.prod(b.shape[-2:])
    taken = dataclasses.replace(b, shape=(count, depth, end - begin))
    name = matrices
    if end - begin < b.shape[-1]:
        name = step.between(what, taken)
        places = {"starts": begin, "ends": end, "axes": 2, "steps": 1}
        inputs = [step.indices(f"{what}.{key}", [at]) for key, at in places.items()]
        step.node("Slice", [matrices, *inputs], output=name)
    split = (count, depth, (end - begin) // width, width)
    name = _reshaped(step, f"{what}_split", name, taken, split)
    moved = dataclasses.replace(b, shape=(count, split[2], depth, width))
    placed = step.between(f"{what}_placed", moved)
    step.node("Transpose", [name], {"perm": (0, 2, 1, 3)}, output=placed)
    return _reshaped(step, f"{what}_flat", placed, moved, (count, depth * (end - begin)))


def _reshaped(step: StepView, what: str, name: str, tensor: Tensor, shape: Shape) -> str:
    """A value under another shape."""
    if tensor.shape == shape:
        return name
    result = step.between(what, dataclasses.replace(tensor, shape=shape))
    inputs = [name, step.indices(f"{what}.shape", shape)]
    step.node("Reshape", inputs, {"allowzero": 0}, output=result)
    return result


EMITTERS: Emitters = {Matmul: matmul}
