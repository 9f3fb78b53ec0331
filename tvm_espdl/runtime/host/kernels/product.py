"""Host kernel of matmul: dot products of the CPU, or blocks of columns in the chip's registers.

The weights are computed: in the loops here every sum is clamped which could need it, and the order
of products is never changed where one is.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvm.tirx.script import builder as T

from ....chips import Accumulator, Chip
from ....ops import Tensor
from ....ops.base.accumulate import accumulators
from ....ops.matmul import Matmul
from ..arithmetic import clamp, rescale
from ..channels import BLOCK, INT32_MAX
from ..kernel import Buffer, Expression, HostKernel, Kernels, private_function, registers
from ..products import Finish, Matrices, product_of_computed


def matmul(operator: Matmul, chip: Chip) -> HostKernel:
    """The kernel of a product of computed matrices."""
    a, b, y = (_with_two_batches(t).shape for t in (operator.a, operator.b, operator.y))
    finish = Finish((operator.kept_shift(chip),), operator.y.dtype, operator.activation == "relu")
    kernel = product_of_computed(chip, Matrices(a, b, y), finish)
    return kernel or _in_order(operator, chip)


def _in_order(operator: Matmul, chip: Chip) -> HostKernel:
    blocks = list(_blocks(operator, chip))
    types = tuple(_with_two_batches(t) for t in (operator.a, operator.b, operator.y))

    def body(a: Buffer, b: Buffer, y: Buffer) -> None:
        for block in blocks:
            block.emit(operator, chip, a, b, y)

    return HostKernel(private_function(types, body))


def _with_two_batches(tensor: Tensor) -> Tensor:
    shape = (1,) * (4 - len(tensor.shape)) + tensor.shape
    return Tensor(tensor.dtype, shape, tensor.exponent)


def _blocks(operator: Matmul, chip: Chip) -> list[_Columns]:
    dtype, found = operator.a.dtype, []
    for columns, register in accumulators(chip, dtype, operator.b.shape[-1]):
        width = BLOCK[dtype]
        whole = (columns.stop - columns.start) // width
        if whole:
            found.append(_Columns(columns.start, whole, width, register))
        rest = columns.start + whole * width
        if rest < columns.stop:
            found.append(_Columns(rest, 1, columns.stop - rest, register))
    return found


@dataclass(frozen=True)
class _Columns:
    """`count` blocks of `width` columns from `start` on, all with one kind of register."""

    start: int
    count: int
    width: int
    register: Accumulator

    def emit(self, operator: Matmul, chip: Chip, a: Buffer, b: Buffer, y: Buffer) -> None:
        """The loops over batches, rows and blocks."""
        depth, dtype = operator.a.shape[-1], operator.a.dtype
        bound = depth << (14 if dtype == "int8" else 30)
        clamps = bool(self.register.products_per_clamp and bound > self.register.highest)
        wide = bound > INT32_MAX and not (clamps and self.register.bits <= 20)
        kind = "int64" if wide else "int32"
        run = min(depth, self.register.products_per_clamp) if clamps else depth
        with T.grid(*y.shape[:3], self.count) as (outer, inner, row, block):
            from_a = [outer if int(a.shape[0]) > 1 else 0, inner if int(a.shape[1]) > 1 else 0]
            from_b = [outer if int(b.shape[0]) > 1 else 0, inner if int(b.shape[1]) > 1 else 0]
            first = self.start + block * self.width
            sums = registers(self.width, kind)
            with T.vectorized(self.width) as lane:
                T.buffer_store(sums, T.cast(0, kind), [lane])
            with T.serial(-(-depth // run)) as part:
                with T.serial(T.min(run, depth - part * run)) as within:
                    k = part * run + within
                    with T.vectorized(self.width) as lane:
                        left = T.cast(a[from_a[0], from_a[1], row, k], "int32")
                        right = T.cast(b[from_b[0], from_b[1], k, first + lane], "int32")
                        total = sums[lane] + T.cast(left * right, kind)
                        T.buffer_store(sums, total, [lane])
                if clamps:
                    with T.vectorized(self.width) as lane:
                        limits = self.register.lowest, self.register.highest
                        T.buffer_store(sums, clamp(sums[lane], *limits), [lane])
            with T.vectorized(self.width) as lane:
                value = self._finished(sums[lane], operator, chip, wide and not clamps)
                T.buffer_store(y, value, [outer, inner, row, first + lane])

    def _finished(self, total: Expression, operator: Matmul, chip: Chip, wide: bool) -> Expression:
        if wide and not self.register.products_per_clamp and self.register.bits == 32:
            total = T.cast(T.cast(total, "int32"), "int64")
        relu = operator.activation == "relu"
        shifts = (operator.kept_shift(chip),)
        return rescale(total, shifts, operator.y.dtype, chip, relu=relu)


KERNELS: Kernels = {Matmul: matmul}
