"""Sums of products: over sliding windows (conv2d, depthwise_conv2d, gemm) and of two matrices.

`sum_of_products` takes dot products of the CPU where the target has them and the sums fit 32 bits,
else loops that LLVM vectorises. It never changes an order of sums that matters.
"""

from __future__ import annotations

from functools import partial

from tvm.target import Target

from ....chips import Chip
from ....ops.base.accumulate import must_follow_order
from ....ops.base.rounding import Array
from ..channels import bias_of
from ..kernel import HostKernel
from .computed import Matrices, matrix_products
from .dense import dense_products
from .dense_words import dense_words
from .depthwise import depthwise_products
from .instructions import instructions_of
from .plain import plain_products
from .statements import kernel_from_statements
from .window import Finish, Window

__all__ = ["Finish", "Matrices", "Window", "product_of_computed", "sum_of_products"]

#: Share of channels that must be summed in the chip's order, up to which the others are summed
#: fast before.
MOST_ORDERED = 0.8


def sum_of_products(
    chip: Chip,
    window: Window,
    weights: Array,
    bias: Array | None,
    finish: Finish,
    *,
    depthwise: bool = False,
) -> HostKernel:
    """The kernel of a convolution, for the CPU of the current target.

    Parameters
    ----------
    weights : numpy.ndarray
        `(O, KH, KW, C)`; C is 1 for depthwise.
    """
    instructions = instructions_of(Target.current(allow_none=True))
    plain = partial(plain_products, chip, window, weights, bias, finish, depthwise=depthwise)
    fast = None
    if instructions is not None:
        dense = dense_words if finish.dtype == "int16" else dense_products
        make = depthwise_products if depthwise else dense
        fast = make(chip, window, weights, bias, finish=finish, instructions=instructions)
    if fast is None:
        return kernel_from_statements(window, finish.dtype, plain())
    proven = finish.dtype == "int8" and not depthwise
    count = len(weights)
    kept = bias_of(chip, bias, count, finish.dtype, depthwise)
    matrix = weights.reshape(count, -1)
    ordered = must_follow_order(chip, matrix, kept, finish.dtype, lanes_only=depthwise)
    if proven or not ordered.any():
        return kernel_from_statements(window, finish.dtype, fast)
    if ordered.mean() > MOST_ORDERED:
        return kernel_from_statements(window, finish.dtype, plain())
    return kernel_from_statements(window, finish.dtype, fast, plain(only_ordered=True))


def product_of_computed(chip: Chip, matrices: Matrices, finish: Finish) -> HostKernel | None:
    """The kernel of a product of two computed matrices, for the CPU of the current target.

    None where the CPU has no dot products, or sums need more than 32 bits and no proof is known.
    """
    instructions = instructions_of(Target.current(allow_none=True))
    if instructions is None:
        return None
    return matrix_products(chip, matrices, finish, instructions)
