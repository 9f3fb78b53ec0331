"""Host kernel of gemm: a 1x1 convolution over an image of one row.

It turns the matrix round; how products are summed is never decided here.
"""

from __future__ import annotations

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.gemm import Gemm
from ..kernel import HostKernel
from ..products import Finish, Window, sum_of_products


def kernel(operator: Gemm, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a matrix product with this matrix and bias."""
    matrix, *bias = constants
    depth, columns = matrix.shape
    rows = operator.x.size // depth
    window = Window((1, rows, depth), (1, rows, columns))
    finish = Finish(operator.shifts, operator.y.dtype, operator.activation == "relu")
    filter_ = matrix.T[:, None, None, :]
    return sum_of_products(chip, window, filter_, bias[0] if bias else None, finish)
