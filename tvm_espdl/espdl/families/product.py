"""MatMul: a constant right factor is stored like the filter of a 1x1 convolution.

Source: ESP-DL `dl/module/include/dl_module_matmul.hpp`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...ops import Tensor
from ...ops.matmul import Matmul
from .. import weights
from ..node_view import NodeView, Readers
from ..packed_factors import pack, unpack
from ..step_view import StepView, Writers
from ..types import Operand, Shape
from .weighted import constant_product

PACKED = "packed"


def read_matmul(node: NodeView) -> None:
    """A product of two tensors; the right one is stored packed unless the node says otherwise."""
    a, b = node.tensor(0), node.tensor(1)
    packed = node.string("input1_layout", PACKED) == PACKED
    if not a.shape or not b.shape:
        node.refuse("a matrix product of a computed tensor with another")
    if node.is_constant(1) and packed and len(b.shape) == 2:
        constant_product(node, a, node.operand(0), b.shape, bias=False)
        return
    left, right = _with_matrices(a, (1, *a.shape)), _with_matrices(b, (*b.shape, 1))
    if left.shape[-1] != right.shape[-2]:
        node.refuse("matrices that do not fit", f"{a.shape} and {b.shape}")
    if node.is_constant(0) and not node.is_constant(1):
        rows: Operand = node.array(0).reshape(left.shape)
    else:
        rows = node.reshaped(node.name(0), a, left.shape, "rows")
    columns: Operand
    if node.is_constant(1):
        columns = matrices = weights.matrices_of(node, right.shape, packed=packed)
        right = dataclasses.replace(right, dtype=str(matrices.dtype))
    elif packed:
        columns = unpack(node, b, right.shape, weights.lanes_of(node))
    else:
        columns = node.reshaped(node.name(1), b, right.shape, "columns")
    try:
        batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except ValueError:
        node.refuse("batches that do not fit", f"{a.shape} and {b.shape}")
    shape = (*batch, *a.shape[-2:-1], *right.shape[-1:][: len(b.shape) - 1])
    stated = node.typed(shape or (1,))
    y = dataclasses.replace(stated, shape=(*batch, left.shape[-2], right.shape[-1]))
    operator = Matmul(left, right, y, weights.activation_of(node))
    node.call_as(stated, "product", operator, [rows, columns])


def _with_matrices(tensor: Tensor, shape: Shape) -> Tensor:
    """The tensor, a vector as a matrix of a shape."""
    return dataclasses.replace(tensor, shape=shape) if len(tensor.shape) == 1 else tensor


def write_matmul(step: StepView) -> None:
    """One node, and in front of it those that bring a computed right factor into the layout."""
    operator: Matmul = step.operator
    constant = step.fixed[1]
    if step.fixed[0] is not None:
        step.refuse("a matrix product whose left factor is constant", allowed="a computed one")
    if constant is None:
        right = pack(step)
    else:
        right = weights.add_matrices(step, constant, constant.shape, operator.b)
    activation = weights.ACTIVATIONS[operator.activation]
    step.node("MatMul", [step.operand(0), right], {"activation": activation})


READERS: Readers = {"MatMul": read_matmul}
WRITERS: Writers = {Matmul.name: write_matmul}
