"""Sums of products over sliding windows: conv2d, depthwise_conv2d and gemm, exact on every path.

`sum_of_products` takes dot products of the CPU where the target has them and the sums fit 32 bits,
else loops that LLVM vectorises. It never changes an order of sums that matters.
"""

from __future__ import annotations

from tvm.target import Target

from ....chips import Chip
from ....ops.base.rounding import Array
from ..kernel import HostKernel
from .dense import dense_products
from .depthwise import depthwise_products
from .instructions import instructions_of
from .plain import plain_products
from .window import Finish, Window

__all__ = ["Finish", "Window", "sum_of_products"]


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
    if instructions is not None and finish.dtype == "int8":
        make = depthwise_products if depthwise else dense_products
        kernel = make(chip, window, weights, bias, finish=finish, instructions=instructions)
    return kernel or plain_products(chip, window, weights, bias, finish, depthwise=depthwise)
