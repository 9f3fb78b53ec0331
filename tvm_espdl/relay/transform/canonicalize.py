"""Brings quantize/dequantize graphs into one form, so that patterns need to know only that one.

Every dequantize call gets exactly one user, squeeze-like calls become reshape, splits become
slices, constants in front of a quantize call become the integers, and scales that no chip can
express are refused. It never changes a value. What holds for every module behind it is verified: a
failure there is a mistake of this package, never of the user.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.ir import Call

from ...program.passes import InvariantError
from .. import ir, qdq

_RESHAPES = ("relax.squeeze", "relax.expand_dims", "relax.flatten")
_MOVING = ("relax.reshape", *_RESHAPES)
# Calls whose result is quantized before a reshape drops or splits axes of it, not after.
_KEEPING = (
    *("relax.mean", "relax.sum", "relax.max", "relax.min", "relax.prod", "relax.take"),
    *("relax.sqrt", "relax.log", "relax.add", "relax.nn.prelu"),
)


def canonicalize(mod: tvm.IRModule) -> tvm.IRModule:
    """One user per dequantize call, reshape for all of its synonyms, slices for splits.

    Raises
    ------
    ModelError
        For a scale that is no power of two, a zero point that is not zero, an unsigned type.
    """
    main = ir.main_of(mod)
    if not ir.is_plain_dataflow(main):
        return mod
    for binding in ir.bindings_of(main):
        if ir.op_name(binding.value) in (qdq.QUANTIZE, qdq.DEQUANTIZE):
            qdq.check(binding.value)
    rebuilt = ir.Rebuilder(mod).run(main, _Canonical(main).rewrite)
    return relax.transform.DeadCodeElimination()(rebuilt)


def verify(mod: tvm.IRModule, stage: str) -> tvm.IRModule:
    """Check the invariants of a canonical module; it is returned as it came.

    What operators must keep to is stated by `program.passes.verify`, of the program, which names
    stage, node and rule likewise.
    """
    relax.analysis.well_formed(mod)
    if ir.is_plain_dataflow(ir.main_of(mod)):
        dequantized, uses = _dequantizes(ir.main_of(mod))
        for variable in dequantized:
            if uses[variable] > 1:
                raise InvariantError(stage, str(variable.name), "a dequantize call has one user")
    return mod


def _dequantizes(function: relax.Function) -> tuple[dict[Any, Any], Counter[Any]]:
    bindings = ir.bindings_of(function)
    calls = {b.var: b.value for b in bindings if ir.op_name(b.value) == qdq.DEQUANTIZE}
    uses = Counter(use for b in bindings for use in _uses(b.value) if use in calls)
    return calls, uses


def _uses(value: Any) -> list[Any]:
    """What an expression reads, a call all of its arguments; the outputs are one user together."""
    arguments = ir.variables_of(value)
    return list(dict.fromkeys(arguments)) if isinstance(value, relax.Tuple) else arguments


class _Canonical:
    def __init__(self, main: relax.Function) -> None:
        self.values = ir.values_of(main)
        self.dequantized, self.uses = _dequantizes(main)
        # A converter names the outermost of its calls: here a reshape, which leaves the name to
        # what it reshapes.
        self.names = {
            value.args[0]: ir.name_of(value)
            for value in self.values.values()
            if ir.op_name(value) in _MOVING and self._is_keeping(value.args[0])
        }

    def _is_keeping(self, source: Any) -> bool:
        return ir.op_name(self.values.get(source)) in _KEEPING

    def rewrite(self, rebuilder: ir.Rebuilder, variable: relax.Var, value: relax.Expr) -> Any:
        source = value.args[0] if ir.op_name(value) == qdq.QUANTIZE else None
        if ir.is_constant(source) and np.isfinite(ir.array_of(source)).all():
            return qdq.quantized_constant(value)
        if self._is_shared(variable):
            # Emitted anew at each use, below; this one serves only a direct use as an output.
            return rebuilder.emit(rebuilder.expr(value), str(variable.name))
        if isinstance(value, relax.expr.TupleGetItem):
            split = self.values.get(value.tuple_value)
            if ir.op_name(split) == "relax.split":
                new = self._part(rebuilder, split, value)
                return rebuilder.emit(new, str(variable.name))
        new = rebuilder.expr(value)
        if isinstance(value, Call):
            arguments = [self._argument(rebuilder, old) for old in value.args]
            if ir.op_name(value) == qdq.QUANTIZE:
                kept = self._kept(rebuilder, value)
                arguments[0] = arguments[0] if kept is None else kept
            new = Call(value.op, arguments, value.attrs, value.ty_args, value.span)
            if ir.op_name(value) in _RESHAPES:
                reshape = relax.op.reshape(arguments[0], ir.shape_of(variable))
                new = ir.named(reshape, ir.name_of(value))
            if variable in self.names and not ir.name_of(value):
                new = ir.named(new, self.names[variable])
        return rebuilder.emit(new, str(variable.name))

    def _argument(self, rebuilder: ir.Rebuilder, old: Any) -> Any:
        if isinstance(old, relax.Tuple):
            return relax.Tuple([self._argument(rebuilder, field) for field in old.fields])
        return self._own(rebuilder, old) if self._is_shared(old) else rebuilder.expr(old)

    def _is_shared(self, argument: Any) -> bool:
        return argument in self.dequantized and self.uses[argument] > 1

    def _own(self, rebuilder: ir.Rebuilder, shared: Any) -> Any:
        copy = rebuilder.expr(self.dequantized[shared])
        return rebuilder.emit(copy, str(shared.name))

    def _part(self, rebuilder: ir.Rebuilder, split: Any, item: Any) -> Any:
        """One result of a split as a slice; each reads a dequantize call of its own."""
        source = split.args[0]
        axis = int(split.attrs.axis) % len(ir.shape_of(source))
        extents = [int(part.shape[axis]) for part in split.ty.fields]
        begin = sum(extents[: item.index])
        is_dequantized = source in self.dequantized
        argument = self._own(rebuilder, source) if is_dequantized else rebuilder.expr(source)
        end = begin + extents[item.index]
        part = relax.op.strided_slice(argument, [axis], [begin], [end], [1])
        return ir.named(part, ir.name_of(item) or ir.name_of(split))

    def _kept(self, rebuilder: ir.Rebuilder, quantize: Any) -> Any:
        """The argument of a quantize call, quantized before it is reshaped, or None.

        What drops its axes by a reshape is quantized at once; the reshape then moves integers.
        """
        reshape: Any = self.values.get(quantize.args[0])
        if ir.op_name(reshape) not in _MOVING or ir.shape_of(quantize.args[1]):
            return None
        source = reshape.args[0]
        if not self._is_keeping(source):
            return None
        scales = [rebuilder.expr(argument) for argument in quantize.args[1:]]
        integers = Call(
            quantize.op, [rebuilder.expr(source), *scales], quantize.attrs, quantize.ty_args
        )
        kept = rebuilder.emit(ir.named(integers, f"{ir.name_of(quantize)}_kept"))
        real = rebuilder.emit(relax.op.dequantize(kept, *scales, axis=-1))
        return rebuilder.emit(relax.op.reshape(real, ir.shape_of(quantize)))
