"""Gemm and MatMul: the right factor is stored like the filter of a 1x1 convolution.

Source: ESP-DL `dl/module/include/dl_module_{gemm,matmul}.hpp`.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ...ops import Tensor
from ...ops.gemm import Gemm
from ...ops.matmul import Matmul
from .. import weights
from ..node_view import NodeView, Readers
from ..packed_factors import pack, unpack
from ..step_view import StepView, Writers
from ..types import Operand, Shape

PACKED = "packed"


def read_gemm(node: NodeView) -> None:
    """The matrix' leading dimensions are 1."""
    if node.integer("transA", 0) or node.integer("transB", 0):
        node.refuse("a transposed factor", allowed="transA=0, transB=0")
    for scale in ("alpha", "beta"):
        if node.real(scale, 1.0) != 1.0:
            node.refuse(f"a factor {scale}", node.real(scale, 1.0), 1.0)
    stored = node.stored(1)
    if len(stored.dims) not in (2, 4) or math.prod(stored.dims[:-2]) != 1:
        node.refuse("a matrix of other dimensions", stored.dims, "(1, 1, rows, columns)")
    _constant_product(node, stored.dims[-2:], bias=True)


def _constant_product(node: NodeView, shape: Shape, *, bias: bool) -> None:
    x = node.tensor()
    if not x.shape or x.shape[-1] != shape[0]:
        node.refuse("a matrix that does not fit the data", shape, f"{x.shape[-1:]} rows")
    matrix = weights.matrices_of(node, shape)
    w = node.type_of(matrix)
    biases, b = weights.bias_of(node, shape[1]) if bias else ([], None)
    y = node.typed((*x.shape[:-1], shape[1]))
    operator = Gemm(x, w, b, y, weights.activation_of(node))
    node.call(operator, [node.name()], [matrix, *biases])


def write_gemm(step: StepView) -> None:
    """The runtime reads attributes that stand for nothing here."""
    operator: Gemm = step.operator
    dims = (1, 1, *operator.w.shape)
    matrix = weights.add_matrices(step, step.constants[0], dims, operator.w)
    inputs = [step.operand(0), matrix, *weights.add_bias(step, depthwise=False)]
    nothing = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    activation = weights.ACTIVATIONS[operator.activation]
    step.node("Gemm", inputs, {"activation": activation, **nothing})


def read_matmul(node: NodeView) -> None:
    """A product of two tensors; the right one is stored packed unless the node says otherwise."""
    a, b = node.tensor(0), node.tensor(1)
    packed = node.string("input1_layout", PACKED) == PACKED
    if node.is_constant(0) or not a.shape or not b.shape:
        node.refuse("a matrix product of a computed tensor with another")
    if node.is_constant(1) and packed and len(b.shape) == 2:
        _constant_product(node, b.shape, bias=False)
        return
    left, right = _with_matrices(a, (1, *a.shape)), _with_matrices(b, (*b.shape, 1))
    if left.shape[-1] != right.shape[-2]:
        node.refuse("matrices that do not fit", f"{a.shape} and {b.shape}")
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


READERS: Readers = {"Gemm": read_gemm, "MatMul": read_matmul}
WRITERS: Writers = {Gemm.name: write_gemm, Matmul.name: write_matmul}
