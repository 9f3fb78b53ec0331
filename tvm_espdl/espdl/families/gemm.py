"""Gemm: a product with a constant matrix, which is stored like the filter of a 1x1 convolution.

Source: ESP-DL `dl/module/include/dl_module_gemm.hpp`.
"""

from __future__ import annotations

import math

from ...ops.gemm import Gemm
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from ..weights import (
    ACTIVATIONS,
    Shape,
    activation_of,
    add_bias,
    add_matrices,
    bias_of,
    matrices_of,
    weights_type,
)


def read(node: NodeView) -> None:
    """The matrix' leading dimensions are 1."""
    if node.integer("transA", 0) or node.integer("transB", 0):
        node.refuse("a transposed factor", allowed="transA=0, transB=0")
    for scale in ("alpha", "beta"):
        if node.real(scale, 1.0) != 1.0:
            node.refuse(f"a factor {scale}", node.real(scale, 1.0), 1.0)
    stored = node.stored(1)
    if len(stored.dims) not in (2, 4) or math.prod(stored.dims[:-2]) != 1:
        node.refuse("a matrix of other dimensions", stored.dims, "(1, 1, rows, columns)")
    read_constant_product(node, stored.dims[-2:], bias=True)


def read_constant_product(node: NodeView, shape: Shape, *, bias: bool) -> None:
    """A product with a constant matrix of a shape."""
    x = node.tensor()
    if not x.shape or x.shape[-1] != shape[0]:
        node.refuse("a matrix that does not fit the data", shape, f"{x.shape[-1:]} rows")
    matrix = matrices_of(node, shape)
    w = weights_type(node, matrix)
    biases, b = bias_of(node, shape[1]) if bias else ([], None)
    y = node.typed((*x.shape[:-1], shape[1]))
    node.call(Gemm(x, w, b, y, activation_of(node)), [node.name()], [matrix, *biases])


def write(step: StepView) -> None:
    """The runtime reads attributes that stand for nothing here."""
    operator: Gemm = step.operator
    dims = (1, 1, *operator.w.shape)
    matrix = add_matrices(step, step.constants[0], dims, operator.w)
    inputs = [step.operand(0), matrix, *add_bias(step, depthwise=False)]
    nothing = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    step.node("Gemm", inputs, {"activation": ACTIVATIONS[operator.activation], **nothing})


READERS: Readers = {"Gemm": read}
WRITERS: Writers = {Gemm.name: write}
