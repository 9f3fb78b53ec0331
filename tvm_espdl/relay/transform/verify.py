"""States what must hold after each pass, and names the pass, the node and the rule when it fails.

A failure here is a mistake of this package, never of the user.
"""

from __future__ import annotations

import tvm
from tvm import relax

from ...chips import CHIPS
from ...ops import from_json
from .. import qdq
from ..ir import (
    attributes,
    bindings_of,
    dtype_of,
    is_plain_dataflow,
    main_of,
    op_name,
    shape_of,
)
from .canonicalize import shared_dequantizes
from .lowered import ADMITS, LAYOUT, NHWC
from .partition import CHIP, RECORD, is_composite


class InvariantError(RuntimeError):
    """A pass of this package has broken an invariant of the module."""

    def __init__(self, stage: str, node: str, rule: str) -> None:
        super().__init__(f"after {stage}: {node}: {rule}")


def verify(mod: tvm.IRModule, stage: str) -> tvm.IRModule:
    """Check the invariants of a stage; the module is returned as it came.

    Parameters
    ----------
    stage : str
        `canonicalize`, `partition` or `lower_to_nhwc`: what has just run.

    Raises
    ------
    InvariantError
        Naming stage, node and rule.
    """
    relax.analysis.well_formed(mod)
    main = main_of(mod)
    if not is_plain_dataflow(main):
        return mod
    for variable in shared_dequantizes(main):
        raise InvariantError(stage, str(variable.name), "a dequantize call has one user")
    for variable, function in mod.functions.items():
        if is_composite(function):
            _verify_composite(stage, variable.name_hint, function)
    if stage == "lower_to_nhwc":
        for binding in bindings_of(main):
            if op_name(binding.value) in (qdq.QUANTIZE, qdq.DEQUANTIZE):
                rule = "only refused operators still read float scales"
                exponent = qdq.exponent_of(binding.value)
                if isinstance(exponent, int) and _is_activation(binding.value):
                    raise InvariantError(stage, str(binding.var.name), rule)
    return mod


def _is_activation(call: tvm.ir.Call) -> bool:
    return isinstance(call.args[0], relax.Var) and (
        qdq.quantized_dtype(call) in qdq.ACTIVATION_DTYPES
    )


def _verify_composite(stage: str, node: str, function: relax.Function) -> None:
    attrs = attributes(function)
    if RECORD not in attrs or str(attrs.get(CHIP)) not in CHIPS:
        raise InvariantError(stage, node, "a composite carries its record and its chip")
    record = from_json(str(attrs[RECORD]))
    admitted = set(map(str, attrs.get(ADMITS, ())))
    refusals = [
        refusal
        for refusal in record.refusals(CHIPS[str(attrs[CHIP])])
        if refusal.rule not in admitted
    ]
    if refusals:
        raise InvariantError(stage, node, f"its chip runs it: {refusals[0]}")
    if stage != "lower_to_nhwc":
        return
    if attrs.get(LAYOUT) != NHWC:
        raise InvariantError(stage, node, "every composite is in NHWC")
    actual = [(dtype_of(p), shape_of(p)) for p in function.params]
    if actual != [(t.dtype, t.shape) for t in record.inputs]:
        raise InvariantError(stage, node, f"its parameters {actual} are those of its record")
    result = (str(function.ret_ty.dtype), tuple(int(d) for d in function.ret_ty.shape))
    if result != (record.output.dtype, record.output.shape):
        raise InvariantError(stage, node, f"its result {result} is that of its record")
