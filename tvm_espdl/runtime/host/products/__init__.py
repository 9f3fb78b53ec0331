"""Sums of products: over sliding windows (conv2d, depthwise_conv2d, gemm) and of two matrices.

`sum_of_products` takes dot products of the CPU where the target has them and the sums fit 32 bits,
else loops that LLVM vectorises. It never changes an order of sums that matters.
"""

from __future__ import annotations

from tvm.target import Target

from ....chips import Chip
from ....ops.base.rounding import Array
from ..kernel import HostKernel
from .computed import Matrices, matrix_products
from .dense import dense_products
from .dense_words import dense_words
from .depthwise import depthwise_products
from .instructions import instructions_of
from .plain import plain_products
from .window import Finish, Window

__all__ = ["Finish", "Matrices", "Window", "product_of_computed", "sum_of_products"]


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
    kernel = None
    if instructions is not None:
        dense = dense_words if finish.dtype == "int16" else dense_products
        make = depthwise_products if depthwise else dense
        kernel = make(chip, window, weights, bias, finish=finish, instructions=instructions)
    return kernel or plain_products(chip, window, weights, bias, finish, depthwise=depthwise)


def product_of_computed(chip: Chip, matrices: Matrices, finish: Finish) -> HostKernel | None:
    """The kernel of a product of two computed matrices, for the CPU of the current target.

    None where the CPU has no dot products, or sums need more than 32 bits and no proof is known.
    """
    instructions = instructions_of(Target.current(allow_none=True))
    if instructions is None:
        return None
    return matrix_products(chip, matrices, finish, instructions)
