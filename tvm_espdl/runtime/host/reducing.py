"""The loops of reductions: all elements of one result, in index order, joined into one value.

What joins them is never known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tvm.tirx.script import builder as T

from ...ops.base.reduction import Reduction
from ...ops.base.rounding import Array
from .kernel import Buffer, Expression, HostKernel, kernel_from, registers

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
        with T.grid(outer, inner) as (i, j):
            result = registers(1, dtype)
            first = i * outer_step + j * inner_step
            T.buffer_store(result, x[first] if initial is None else initial, [0])
            with T.grid(far, near) as (k, m):
                place = first + k * far_step + m * near_step
                T.buffer_store(result, join(result[0], x[place], *chosen), [0])
            T.buffer_store(y, finish(result[0]), [i * inner + j])

    return kernel_from(operator, body, *tables)
