"""Host kernel of resize_linear.

Places and weights stand in the record's tables. A product is never joined with a sum: the chip's
two roundings stay two.
"""

from __future__ import annotations

from tvm.tirx.script import builder as T

from ....chips import Chip
from ....ops.base.rounding import Array
from ....ops.resize_linear import ResizeLinear
from ..arithmetic import power_of_two, round_float
from ..kernel import Buffer, Expression, HostKernel, flat, private_function

BEYOND = 3.0e38  # no product reaches it


def kernel(operator: ResizeLinear, chip: Chip, constants: tuple[Array, ...]) -> HostKernel:
    """The kernel of a resize that weighs pixels."""
    (rows, below), (columns, right) = operator.places(0), operator.places(1)
    tables = (rows, below, columns, right)
    channels, source_width = operator.x.shape[-1], operator.input_size[1]
    height, width = operator.output_size
    input_scale = power_of_two(operator.x.uniform_exponent)
    output_scale = power_of_two(-operator.y.uniform_exponent)

    def body(x: Buffer, *others: Buffer) -> None:
        row_of, below_of, column_of, right_of, y = others
        with T.grid(height, width, channels) as (row, column, channel):

            def real(line: Expression, pixel: Expression) -> Expression:
                value = x[(line * source_width + pixel) * channels + channel]
                return T.cast(value, "float32") * input_scale

            def weighed(line: Expression) -> Expression:
                first = column_of[column]
                return _mix(real(line, first), real(line, first + 1), right_of[column])

            line = row_of[row]
            value = weighed(line)
            if not operator.is_signal:
                value = _mix(value, weighed(line + 1), below_of[row])
            result = round_float(value * output_scale, "int8", chip)
            T.buffer_store(y, result, [(row * width + column) * channels + channel])

    types = (flat(operator.x), *tables, flat(operator.y))
    return HostKernel(private_function(types, body), tables)


def _mix(first: Expression, second: Expression, weight: Expression) -> Expression:
    return _product(first, T.float32(1) - weight) + _product(second, weight)


def _product(left: Expression, right: Expression) -> Expression:
    """A product that LLVM cannot fuse with a sum, for a choice stands between them."""
    product = left * right
    return T.Select(product < T.float32(BEYOND), product, T.float32(BEYOND))
