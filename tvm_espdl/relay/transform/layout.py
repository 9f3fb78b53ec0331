"""Turns composites into integer calls in the chip's layout: NHWC from the first one to the last.

Transposes are emitted only where a tensor meets something that needs the model's own layout, and
two that cancel are never emitted at all. No value is changed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.ir import Call

from ...chips import find_chip
from ...ops import Operator, Tensor, from_json
from ...ops.base.rounding import Array
from ...ops.dequantize import Dequantize
from ...ops.quantize import Quantize
from ...ops.reshape import Reshape
from ...ops.transpose import Transpose
from ...program import Turn
from ..ir import (
    Rebuilder,
    array_of,
    attributes,
    dtype_of,
    is_constant,
    is_plain_dataflow,
    main_of,
    shape_of,
)
from ..patterns.admission import TENSOR
from .lowered import LAYOUT, NHWC, lowered_composite
from .partition import CHIP, COVERS, RECORD, is_composite, matched

Axes = tuple[int, ...]


def lower_to_nhwc(mod: tvm.IRModule) -> tvm.IRModule:
    """Replace the float bodies of all composites by calls on integers, activations in NHWC.

    Parameters
    ----------
    mod : tvm.IRModule
        With composites made by `partition`; those already lowered are kept.

    Returns
    -------
    tvm.IRModule
        Each composite's body is one `call_dps_packed` of its inputs and constants.
    """
    main = main_of(mod)
    if not is_plain_dataflow(main):
        return mod
    lowered = _Lowering(mod).run(main, _Lowering.rewrite)
    closed = _without(lowered, [g for g, f in mod.functions.items() if _is_open(f)])
    return relax.transform.DeadCodeElimination()(closed)


def _is_open(function: Any) -> bool:
    return is_composite(function) and attributes(function).get(LAYOUT) != NHWC


def _without(mod: tvm.IRModule, removed: list[Any]) -> tvm.IRModule:
    names = {variable.name_hint for variable in removed}
    kept = {v: f for v, f in mod.functions.items() if v.name_hint not in names}
    return tvm.IRModule(kept, attrs=mod.attrs)


def to_last(rank: int) -> Axes:
    """NCHW to NHWC, for any rank."""
    return (0, *range(2, rank), 1)


def to_first(rank: int) -> Axes:
    """NHWC to NCHW, for any rank."""
    return (0, rank - 1, *range(1, rank - 1))


@dataclass(frozen=True)
class _Label:
    """What the model calls a call's result, what it covers, and how its elements are ordered."""

    tensor: str
    covers: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()

    def channels_last(self, shape: tuple[int, ...]) -> _Label:
        """The same, of a result that has this shape, its channels last."""
        axes = to_first(len(shape))
        if axes == tuple(range(len(shape))):
            return self
        return dataclasses.replace(self, turns=((shape, axes),))


class _Lowering(Rebuilder):
    """Keeps, for each variable of the original, the forms in which it exists so far.

    `replaced` holds the model's own layout, `last` the form with channels last. Of the new
    variables, `types` knows those that an operator computes, `names` what the model calls them
    and `flat` what a reshape of them may read instead.
    """

    def __init__(self, mod: tvm.IRModule) -> None:
        super().__init__(mod)
        self.last: dict[Any, Any] = {}
        self.types: dict[Any, Tensor] = {}
        self.names: dict[Any, str] = {}
        self.flat: dict[Any, Any] = {}
        composites = [f for f in mod.functions.values() if is_composite(f)]
        self.chip = str(composites[0].attrs[CHIP]) if composites else ""

    def expr(self, old: Any) -> Any:
        """In the model's own layout, transposing back where only the other form exists."""
        if isinstance(old, relax.Var) and self._is_only_last(old):
            self.replaced[old] = self.transposed(self.last[old], to_first(len(shape_of(old))))
        return super().expr(old)

    def channels_last(self, old: Any, rank: int) -> Any:
        """With channels last, transposing where only the model's own layout exists."""
        if is_constant(old):
            array = array_of(old)
            wide = array.reshape((1,) * (rank - array.ndim) + array.shape)
            return relax.const(np.ascontiguousarray(wide.transpose(to_last(rank))))
        if old not in self.last:
            self.last[old] = self.transposed(super().expr(old), to_last(len(shape_of(old))))
        return self.last[old]

    def _is_only_last(self, old: Any) -> bool:
        return old in self.last and old not in self.replaced

    def rewrite(self, variable: Any, value: Any) -> Any:
        """Place a composite in the layout it wants; everything else stays as it is."""
        function = self._callee(value)
        if function is None or not _is_open(function):
            return self.emit(self.expr(value), str(variable.name))
        entry, match = matched(function)
        operator = from_json(str(function.attrs[RECORD]))
        label = _Label(
            str(function.attrs[TENSOR]), tuple(map(str, attributes(function).get(COVERS, ())))
        )
        arguments = entry.arguments(match, function, value)
        if isinstance(operator, Transpose):
            return self._transpose(operator, variable, arguments[0], label)
        if isinstance(operator, Reshape):
            return self._reshape(operator, variable, arguments[0], label)
        constants = entry.constants_on(find_chip(str(function.attrs[CHIP])), match)
        return self._compute(operator, variable, arguments, constants, label)

    def _callee(self, value: Any) -> Any:
        if isinstance(value, Call) and isinstance(value.op, tvm.ir.GlobalVar):
            return self.mod[value.op]
        return None

    def _compute(
        self,
        operator: Operator,
        variable: Any,
        arguments: list[Any],
        constants: tuple[Array, ...],
        label: _Label,
    ) -> Any:
        if not operator.channels_last:
            turned = self._turned(operator, arguments)
            if turned is None:
                inputs = [self.expr(argument) for argument in arguments]
                return self.call(operator, inputs, constants, label)
            operator = turned
        rank = len(operator.output.shape)
        inputs = [self.channels_last(argument, rank) for argument in arguments]
        last = label.channels_last(operator.output.shape)
        self.last[variable] = self.call(operator, inputs, constants, last)
        return None

    def _turned(self, operator: Operator, arguments: list[Any]) -> Operator | None:
        """The operator with channels last, where it takes that layout and its inputs have it.

        All inputs must have the result's rank. Constants may have fewer dimensions: the operator
        says how it widens them.
        """
        rank = len(operator.output.shape)
        ranks = {len(shape_of(argument)) for argument in arguments if not is_constant(argument)}
        at_the_edge = isinstance(operator, (Quantize, Dequantize))
        if not any(map(self._is_only_last, arguments)) or ranks != {rank} or at_the_edge:
            return None
        try:
            return operator.permuted(to_last(rank))
        except NotImplementedError:  # its axes mean something: it stays in the model's own layout
            return None

    def _transpose(self, operator: Transpose, variable: Any, argument: Any, label: _Label) -> Any:
        rank, axes = len(operator.axes), operator.axes
        if self._is_only_last(argument):
            source = self.last[argument]
            axes = tuple(to_first(rank)[axis] for axis in axes)
        else:
            source = self.expr(argument)
        # The result with channels last is the source transposed by both permutations at once.
        if tuple(axes[axis] for axis in to_last(rank)) == tuple(range(rank)):
            self.last[variable] = source
            return None
        return self.transposed(source, axes, label)

    def _reshape(self, operator: Reshape, variable: Any, argument: Any, label: _Label) -> Any:
        x, y = operator.x.shape, operator.y.shape
        if self._is_only_last(argument) and len(y) > 2 and x[:2] == y[:2]:
            # Only rows and columns are merged or split: with channels last that is a reshape, too.
            last = self.last[argument]
            flat = dataclasses.replace(operator.x, shape=shape_of(last))
            moved = Reshape(flat, operator.y.permuted(to_last(len(y))))
            label = label.channels_last(moved.y.shape)
            self.last[variable] = self.call(moved, [last], (), label)
            return None
        source = self.expr(argument)
        source = self.flat.get(source, source)
        flat = dataclasses.replace(operator.x, shape=shape_of(source))
        return self.call(dataclasses.replace(operator, x=flat), [source], (), label)

    def transposed(self, source: Any, axes: Axes, label: _Label | None = None) -> Any:
        """Emit a transpose; nothing for the identity, a reshape where only ones change places."""
        if axes == tuple(range(len(axes))):
            return source
        label = label or _Label(f"{self.names.get(source, source.name)}_transposed")
        x = self.types.get(source, Tensor(dtype_of(source), shape_of(source)))
        moving = [axis for axis in axes if x.shape[axis] != 1]
        if moving == sorted(moving):
            result = self.call(Reshape(x, x.permuted(axes)), [source], (), label)
            self.flat[result] = source
            return result
        return self.call(Transpose.of(x, axes), [source], (), label)

    def call(
        self, operator: Operator, inputs: list[Any], constants: tuple[Array, ...], label: _Label
    ) -> Any:
        """Emit the call of a new composite function that holds the operator's record."""
        function = lowered_composite(
            operator, constants, self.chip, label.tensor, covers=label.covers, turns=label.turns
        )
        result = self.emit(Call(self.add_function(function, f"espdl_{operator.name}"), inputs))
        self.types[result] = operator.output
        self.names[result] = label.tensor
        return result
