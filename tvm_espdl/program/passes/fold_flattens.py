"""Transposes in front of a flatten go into the rows of the matrix behind it.

An image with channels last is flattened as it lies in memory, and the matrix product that reads it
gets its rows in that order: the same products are summed, so that no bit changes. Where a sum can
leave the chip's register on its way, the order counts, and the transpose stays.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from ...chips import Chip
from ...ops import Operator, Tensor
from ...ops.base.accumulate import must_follow_order
from ...ops.base.rounding import Array
from ...ops.base.unary import Elementwise
from ...ops.gemm import Gemm
from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from ..program import Origin, Program, Step


def fold_flattens(program: Program) -> Program:
    """Drop each transpose whose readers end, through flattens, in products with constant matrices.

    Activations are in the chip's layout.
    """
    plan = _Planner(program).plan()
    return _folded(program, plan) if plan.orders else program


@dataclass
class _Plan:
    """What is to change, by the names of values.

    `sources` says what stands for a transposed tensor, `moved` which results then have another
    shape, by which transpose, and `orders` in which order a product reads the former rows of its
    matrix.
    """

    sources: dict[str, str] = field(default_factory=dict)
    moved: dict[str, Transpose] = field(default_factory=dict)
    orders: dict[str, Array] = field(default_factory=dict)


class _Planner:
    """Follows each transpose to its readers."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.readers: dict[str, list[Step]] = defaultdict(list)
        for step in program.steps:
            for name in step.inputs:
                self.readers[name].append(step)
        self.leaving = {*program.outputs, *(state.next for state in program.states)}

    def plan(self) -> _Plan:
        """All transposes whose readers allow it."""
        whole = _Plan()
        for step in self.program.steps:
            operator, part = step.operator, _Plan()
            if isinstance(operator, Transpose) and self._ends(operator, step.outputs[0], part):
                whole.sources[step.outputs[0]] = step.inputs[0]
                whole.moved |= part.moved
                whole.orders |= part.orders
        return whole

    def _ends(self, transpose: Transpose, name: str, part: _Plan) -> bool:
        """Whether all that read a value may see the elements as before a transpose.

        Those are products, and elementwise calls and reshapes that end in products.
        """
        readers = self.readers[name]
        if name in self.leaving or not readers:
            return False
        return all(self._may_read(transpose, reader, part) for reader in readers)

    def _may_read(self, transpose: Transpose, reader: Step, part: _Plan) -> bool:
        result = reader.outputs[0]
        if isinstance(reader.operator, Gemm):
            order = _order(self.program.chip, reader.operator, reader.constants, transpose)
            if order is not None:
                part.orders[result] = order
            return order is not None
        part.moved[result] = transpose
        moves = isinstance(reader.operator, (Elementwise, Reshape))
        return moves and self._ends(transpose, result, part)


def _order(
    chip: Chip, gemm: Gemm, constants: tuple[Array, ...], transpose: Transpose
) -> Array | None:
    """Former rows of a matrix in the order of the elements before a transpose, or None.

    The transpose must stay within what the product sums, and sums must fit their register.
    """
    terms = gemm.summed(*constants)
    if must_follow_order(chip, terms.weights, terms.bias, gemm.x.dtype).any():
        return None
    shape, axes = transpose.x.shape, transpose.axes
    for kept in range(len(axes)):
        inner = shape[kept:]
        if axes[:kept] == tuple(range(kept)) and np.prod(inner) == gemm.x.shape[-1]:
            turned = np.arange(np.prod(inner)).reshape([shape[axis] for axis in axes[kept:]])
            back = np.argsort([axis - kept for axis in axes[kept:]])
            return turned.transpose(back).ravel()
    return None


def _folded(program: Program, plan: _Plan) -> Program:
    """The program without the transposes of a plan."""
    values, origins, steps = dict(program.values), dict(program.origins), []
    for step in program.steps:
        result = step.outputs[0]
        if result in plan.sources:
            del values[result]
            origins.pop(result, None)
            continue
        inputs = tuple(plan.sources.get(name, name) for name in step.inputs)
        changed = dataclasses.replace(step, inputs=inputs)
        if result in plan.orders:
            matrix, *bias = step.constants
            rows = np.ascontiguousarray(matrix[plan.orders[result]])
            changed = dataclasses.replace(changed, constants=(rows, *bias))
        elif result in plan.moved:
            operator = _moved(step.operator, values[inputs[0]])
            changed = dataclasses.replace(changed, operator=operator)
            values[result] = operator.output
            if result in origins:
                transpose = plan.moved[result]
                turn = (transpose.x.shape, transpose.axes)
                origins[result] = Origin(origins[result].tensor, (turn, *origins[result].turns))
        steps.append(changed)
    return dataclasses.replace(program, values=values, steps=tuple(steps), origins=origins)


def _moved(operator: object, read: Tensor) -> Operator:
    """An elementwise operator or a reshape that reads the elements in another shape."""
    assert isinstance(operator, (Elementwise, Reshape))
    x = dataclasses.replace(operator.x, shape=read.shape)
    shape = operator.y.shape if isinstance(operator, Reshape) else read.shape
    return dataclasses.replace(operator, x=x, y=dataclasses.replace(operator.y, shape=shape))
