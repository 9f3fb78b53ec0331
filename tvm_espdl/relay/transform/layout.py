"""Turns composites into integer calls in the chip's layout: NHWC from the first one to the last.

Transposes are emitted only where a tensor meets something that needs the model's own layout, and
two that cancel are never emitted at all. No value is changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.ir import Call

from ...chips import Chip
from ...ops import Operator, Tensor
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from .. import ir
from ..patterns.admission import TENSOR
from .composite import Placed, placed_of
from .partition import Partition, is_composite, number_of


@dataclass(frozen=True, eq=False)
class Lowered:
    """A module whose operators work on integers in the chip's layout.

    `main` calls each operator with `call_dps_packed`, by a symbol of its own; `calls` holds the
    operators by their symbols, in the order of the calls.
    """

    mod: tvm.IRModule
    chip: Chip
    calls: Mapping[str, Placed] = field(default_factory=dict)


def lower_to_nhwc(partition: Partition, chip: Chip) -> Lowered:
    """Replace the calls of all composites by calls on integers, activations in NHWC.

    `main` is a plain dataflow function. Composites that were read from an `.espdl` file are in
    their layout already.
    """
    lowering = _Lowering(partition, chip)
    lowered = lowering.run(ir.main_of(partition.mod), _Lowering.rewrite)
    composites = {v.name_hint for v, f in partition.mod.functions.items() if is_composite(f)}
    kept = {v: f for v, f in lowered.functions.items() if v.name_hint not in composites}
    mod = relax.transform.DeadCodeElimination()(tvm.IRModule(kept, attrs=lowered.attrs))
    return Lowered(mod, chip, lowering.calls)


class _Lowering(ir.Rebuilder):
    """Keeps, for each variable of the original, the forms in which it exists so far.

    `replaced` holds the model's own layout, `last` the form with channels last. Of the new
    variables, `types` knows those that an operator computes or reads, `names` what the model calls
    them and `flat` what a reshape of them may read instead. `calls` collects the operators.
    """

    def __init__(self, partition: Partition, chip: Chip) -> None:
        super().__init__(partition.mod)
        self.taken, self.chip = partition.taken, chip
        self.calls: dict[str, Placed] = {}
        self.last: dict[Any, Any] = {}
        self.types: dict[Any, Tensor] = {}
        self.names: dict[Any, str] = {}
        self.flat: dict[Any, Any] = {}

    def expr(self, old: Any) -> Any:
        """In the model's own layout, transposing back where only the other form exists."""
        if isinstance(old, relax.Var) and self._is_only_last(old):
            self.replaced[old] = self.transposed(self.last[old], ir.to_first(len(ir.shape_of(old))))
        return super().expr(old)

    def channels_last(self, old: Any, rank: int, read: Tensor) -> Any:
        """With channels last, transposing where only the model's own layout exists.

        `read` is the type that the operator reads.
        """
        if ir.is_constant(old):
            array = ir.array_of(old)
            wide = array.reshape((1,) * (rank - array.ndim) + array.shape)
            return relax.const(np.ascontiguousarray(wide.transpose(ir.to_last(rank))))
        if old not in self.last:
            source = self._typed(super().expr(old), read)
            self.last[old] = self.transposed(source, ir.to_last(len(ir.shape_of(old))))
        return self.last[old]

    def _typed(self, source: Any, read: Tensor) -> Any:
        """The same. Where no operator computes it, its exponent is the one that it is read with."""
        own = Tensor(ir.dtype_of(source), ir.shape_of(source), read.exponent)
        self.types.setdefault(source, own)
        return source

    def _is_only_last(self, old: Any) -> bool:
        return old in self.last and old not in self.replaced

    def rewrite(self, variable: relax.Var, value: relax.Expr) -> Any:
        """Place a composite in the layout it wants; everything else stays as it is."""
        function = self._callee(value)
        if function is None or not is_composite(function):
            return self.emit(self.expr(value), str(variable.name))
        number = number_of(function)
        if number is None:
            placed = placed_of(function)
            if placed is None:
                raise RuntimeError(f"{value.op.name_hint} is a composite of nobody's")
            return self.place(placed, [self.expr(argument) for argument in value.args])
        taken = self.taken[number]
        arguments = taken.entry.arguments(taken.match, function, value)
        constants = taken.entry.constants(taken.match, self.chip)
        tensor = str(ir.attributes(function)[TENSOR])
        placed = Placed(taken.record, constants, tensor, taken.covers)
        if isinstance(taken.record, Transpose):
            return self._transpose(taken.record, placed, variable, arguments[0])
        if isinstance(taken.record, Reshape):
            return self._reshape(taken.record, placed, variable, arguments[0])
        return self._compute(placed, variable, arguments)

    def _callee(self, value: Any) -> Any:
        if isinstance(value, Call) and isinstance(value.op, tvm.ir.GlobalVar):
            return self.mod[value.op]
        return None

    def _compute(self, placed: Placed, variable: relax.Var, arguments: list[Any]) -> Any:
        operator = placed.operator
        if not operator.channels_last:
            turned = self._turned(operator, arguments)
            if turned is None:
                return self.place(placed, [self.expr(argument) for argument in arguments])
            operator = turned
        rank = len(operator.output.shape)
        inputs = [
            self.channels_last(argument, rank, tensor)
            for argument, tensor in zip(arguments, operator.inputs, strict=True)
        ]
        return self._place_last(operator, placed, variable, inputs)

    def _place_last(
        self, operator: Operator, placed: Placed, variable: relax.Var, inputs: list[Any]
    ) -> None:
        """Place what an operator has become, whose result has its channels last."""
        shape = operator.output.shape
        axes = ir.to_first(len(shape))
        turns = () if axes == tuple(range(len(axes))) else ((shape, axes),)
        placed = dataclasses.replace(placed, operator=operator, turns=turns)
        self.last[variable] = self.place(placed, inputs)

    def _turned(self, operator: Operator, arguments: list[Any]) -> Operator | None:
        """The operator with channels last, where it takes that layout and its inputs have it.

        All inputs must have the result's rank. Constants may have fewer dimensions: the operator
        says how it widens them.
        """
        rank = len(operator.output.shape)
        ranks = {
            len(ir.shape_of(argument)) for argument in arguments if not ir.is_constant(argument)
        }
        at_the_edge = isinstance(operator, (Quantize, Dequantize))
        if not any(map(self._is_only_last, arguments)) or ranks != {rank} or at_the_edge:
            return None
        try:
            return operator.permuted(ir.to_last(rank))
        except NotImplementedError:  # its axes mean something: it stays in the model's own layout
            return None

    def _transpose(
        self, operator: Transpose, placed: Placed, variable: relax.Var, argument: Any
    ) -> Any:
        rank, axes = len(operator.axes), operator.axes
        if self._is_only_last(argument):
            source = self.last[argument]
            axes = tuple(ir.to_first(rank)[axis] for axis in axes)
        else:
            source = self._typed(self.expr(argument), operator.x)
        # The result with channels last is the source transposed by both permutations at once.
        if tuple(axes[axis] for axis in ir.to_last(rank)) == tuple(range(rank)):
            self.last[variable] = source
            return None
        return self.transposed(source, axes, placed)

    def _reshape(
        self, operator: Reshape, placed: Placed, variable: relax.Var, argument: Any
    ) -> Any:
        x, y = operator.x.shape, operator.y.shape
        if self._is_only_last(argument) and len(y) > 2 and x[:2] == y[:2]:
            # Only rows and columns are merged or split: with channels last that is a reshape, too.
            last = self.last[argument]
            flat = dataclasses.replace(operator.x, shape=ir.shape_of(last))
            moved = Reshape(flat, operator.y.permuted(ir.to_last(len(y))))
            return self._place_last(moved, placed, variable, [last])
        source = self.expr(argument)
        source = self.flat.get(source, source)
        flat = dataclasses.replace(operator.x, shape=ir.shape_of(source))
        moved = dataclasses.replace(operator, x=flat)
        return self.place(dataclasses.replace(placed, operator=moved), [source])

    def transposed(self, source: Any, axes: tuple[int, ...], placed: Placed | None = None) -> Any:
        """Emit a transpose; nothing for the identity, a reshape where only ones change places."""
        if axes == tuple(range(len(axes))):
            return source
        x = self.types[source]
        moving = [axis for axis in axes if x.shape[axis] != 1]
        is_flat = moving == sorted(moving)
        operator = Reshape(x, x.permuted(axes)) if is_flat else Transpose.of(x, axes)
        name = f"{self.names.get(source, source.name)}_transposed"
        placed = placed or Placed(operator, (), name)
        result = self.place(dataclasses.replace(placed, operator=operator), [source])
        if is_flat:
            self.flat[result] = source
        return result

    def place(self, placed: Placed, inputs: list[Any]) -> Any:
        """Emit the call of an operator in the chip's layout."""
        operator, symbol = placed.operator, f"espdl_{placed.operator.name}_{len(self.calls)}"
        self.calls[symbol] = placed
        result = self.emit(relax.call_dps_packed(symbol, inputs, ir.type_of(operator.output)))
        self.types[result] = operator.output
        self.names[result] = placed.tensor
        return result
