"""Brings quantize/dequantize graphs into one form, so that patterns need to know only that one.

Every dequantize call gets exactly one user, squeeze-like calls become reshape, and scales that no
chip can express are refused. It never changes a value.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import tvm
from tvm import relax
from tvm.ir import Call

from .. import qdq
from ..ir import (
    Rebuilder,
    bindings_of,
    is_plain_dataflow,
    main_of,
    name_of,
    named,
    op_name,
    shape_of,
)

_RESHAPES = ("relax.squeeze", "relax.expand_dims", "relax.flatten")


def canonicalize(mod: tvm.IRModule) -> tvm.IRModule:
    """One user per dequantize call, reshape for all of its synonyms, scales checked.

    Raises
    ------
    ModelError
        For a scale that is no power of two, a zero point that is not zero, an unsigned type.
    """
    main = main_of(mod)
    if not is_plain_dataflow(main):
        return mod
    for binding in bindings_of(main):
        if op_name(binding.value) in (qdq.QUANTIZE, qdq.DEQUANTIZE):
            qdq.check(binding.value)
    rebuilt = Rebuilder(mod).run(main, _Canonical(main).rewrite)
    return relax.transform.DeadCodeElimination()(rebuilt)


def shared_dequantizes(function: Any) -> list[Any]:
    """Variables bound to dequantize calls that have more than one user."""
    dequantized, uses = _dequantizes(function)
    return [variable for variable in dequantized if uses[variable] > 1]


def _dequantizes(function: Any) -> tuple[dict[Any, Any], Counter[Any]]:
    bindings = bindings_of(function)
    calls = {b.var: b.value for b in bindings if op_name(b.value) == qdq.DEQUANTIZE}
    uses = Counter(use for b in bindings for use in _arguments(b.value) if use in calls)
    return calls, uses


class _Canonical:
    def __init__(self, main: Any) -> None:
        self.dequantized, self.uses = _dequantizes(main)

    def rewrite(self, rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        if variable in self.dequantized and self.uses[variable] > 1:
            # Emitted anew at each use, below; this one serves only a direct use as an output.
            return rebuilder.emit(rebuilder.expr(value), str(variable.name))
        new = rebuilder.expr(value)
        if isinstance(value, Call):
            arguments = [
                self._own(rebuilder, old) if self._is_shared(old) else rebuilder.expr(old)
                for old in value.args
            ]
            new = Call(value.op, arguments, value.attrs, value.ty_args, value.span)
            if op_name(value) in _RESHAPES:
                reshape = relax.op.reshape(arguments[0], shape_of(variable))
                new = named(reshape, name_of(value))
        return rebuilder.emit(new, str(variable.name))

    def _is_shared(self, argument: Any) -> bool:
        return argument in self.dequantized and self.uses[argument] > 1

    def _own(self, rebuilder: Rebuilder, shared: Any) -> Any:
        copy = rebuilder.expr(self.dequantized[shared])
        return rebuilder.emit(copy, str(shared.name))


def _arguments(value: Any) -> list[Any]:
    if isinstance(value, Call):
        return [use for argument in value.args for use in _arguments(argument)]
    if isinstance(value, relax.Tuple):
        return [use for field in value.fields for use in _arguments(field)]
    return [value] if isinstance(value, relax.Var) else []
