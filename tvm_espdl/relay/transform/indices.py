"""Constant indices below 0, which count from an axis' end, as indices that count from its front.

TVM's importers of PyTorch leave them as they are (`x[:, -1]`), and TVM then reads what lies before
the tensor in memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.ir import Call

from ..ir import Rebuilder, array_of, bindings_of, is_constant, is_plain_dataflow, main_of, op_name
from ..ir import shape_of as shape

_READERS = ("relax.take", "relax.gather_elements")


def count_from_front(mod: tvm.IRModule) -> tvm.IRModule:
    """Let constant indices count from the front; the module itself where all do."""
    main = main_of(mod)
    if not is_plain_dataflow(main) or not any(_is_behind(b.value) for b in bindings_of(main)):
        return mod

    def rewrite(rebuilder: Rebuilder, variable: relax.Var, value: relax.Expr) -> Any:
        new = rebuilder.expr(value)
        if _is_behind(value):
            arguments = [new.args[0], _counted(value), *new.args[2:]]
            new = Call(new.op, arguments, new.attrs, new.ty_args, new.span)
        return rebuilder.emit(new, str(variable.name))

    return Rebuilder(mod).run(main, rewrite)


def _is_behind(value: Any) -> bool:
    if op_name(value) not in _READERS or not is_constant(value.args[1]):
        return False
    return bool((array_of(value.args[1]) < 0).any())


def _counted(value: Any) -> Any:
    """The indices of a call, none below 0."""
    indices, extents, axis = array_of(value.args[1]), shape(value.args[0]), value.attrs.axis
    extent = math.prod(extents) if axis is None else extents[int(axis)]
    return relax.const(np.where(indices < 0, indices + extent, indices).astype(indices.dtype))
