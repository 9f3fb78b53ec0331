"""The loops of reductions: all elements of one result, in index order, joined into one value.

What joins them is never known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tvm.tirx.script import builder as T

from ...ops.base.reduction import Reduction
from ...ops.base.rounding import Array
from .kernel import Buffer, Expression, HostKernel, kernel_from, registers, vectors_of

Join = Callable[..., Expression]


def reduction(
    operator: Reduction,
    initial: Expression | None,
    join: Join,
    finish: Callable[[Expression], Expression],
    tables: Sequence[Array] = (),
) -> HostKernel:
    """The kernel that reduces each line by `join(result, element, *tables)`, from `initial` on.

    Without `initial`, it starts with the first element of the line.
    """
    walk: Any = operator.walk()
    dtype = operator.x.dtype if initial is None else str(initial.ty.dtype)
    (outer, inner), (outer_step, inner_step) = walk["kept_extents"], walk["kept_strides"]
    (far, near), (far_step, near_step) = walk["reduced_extents"], walk["reduced_strides"]

    def body(x: Buffer, *others: Buffer) -> None:
        *chosen, y = others

        def line(begin: Expression, place: Expression, lanes: int) -> None:
            """Of some results side by side, whose elements are as well."""
            result = registers(lanes, dtype)
            with T.vectorized(lanes) as lane:
                first = x[begin + lane] if initial is None else initial
                T.buffer_store(result, first, [lane])
            with T.grid(far, near) as (k, m), T.vectorized(lanes) as lane:
                element = x[begin + k * far_step + m * near_step + lane]
                T.buffer_store(result, join(result[lane], element, *chosen), [lane])
            with T.serial(lanes) as lane:  # it may have statements
                T.buffer_store(y, finish(result[lane]), [place + lane])

        if tables or inner_step != 1 or inner == 1:
            with T.grid(outer, inner) as (i, j):
                line(i * outer_step + j * inner_step, i * inner + j, 1)
            return
        for first, count, lanes in vectors_of(inner, dtype):
            with T.grid(outer, count) as (i, n):
                j = first + n * lanes
                line(i * outer_step + j, i * inner + j, lanes)

    return kernel_from(operator, body, *tables)
