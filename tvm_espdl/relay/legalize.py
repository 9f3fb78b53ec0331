"""TVM's own functions for what no operator of ESP-DL took: legalized, fused, still named.

Nothing is compiled here, and no operator of ESP-DL is touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import tvm
from tvm import relax
from tvm.target import Target

from ..errors import ModelError
from ..program import Node
from .extremes import EXTREMES, extreme
from .ir import bindings_of, is_plain_dataflow, main_of, op_name

# TVM's legalization leaves them to its pipelines, which know what the target has for them.
_SORTS = tuple(
    f"relax.{name}" for name in ("sort", "argsort", "topk", "cumsum", "cumprod", "bucketize")
)
# TVM counts their results while they run.
_COUNTING = {
    "relax.nonzero": "NonZero",
    "relax.unique": "Unique",
    "relax.vision.all_class_non_max_suppression": "NonMaxSuppression",
}


def legalized(lowered: tvm.IRModule, nodes: Sequence[Node] = ()) -> tvm.IRModule:
    """The module with a function in TIR for every call that is none of an operator of ESP-DL.

    `nodes` are the model's own, for errors.

    Raises
    ------
    ModelError
        If the network has control flow, results whose size depends on values, or a call that TVM
        has no function for, such as a division by a constant zero.
    """
    main = main_of(lowered)
    for binding in bindings_of(main):
        if op_name(getattr(binding, "value", None)) in _COUNTING:
            _refuse_counting(_COUNTING[op_name(binding.value)], nodes)
    if not is_plain_dataflow(main):
        raise ModelError(
            "the network has control flow, or a result whose size depends on values",
            where="main",
            allowed="a plain dataflow graph",
            try_="export the model without If and Loop and with static shapes",
        )
    passes = tvm.transform.Sequential(
        [
            relax.transform.LegalizeOps({f"relax.{name}": extreme(name) for name in EXTREMES}),
            relax.transform.AnnotateTIROpPattern(),
            relax.transform.FoldConstant(),
            relax.transform.FuseOps(),
            relax.transform.FuseTIR(),
            relax.transform.DeadCodeElimination(),
        ]
    )
    try:
        return passes(_sorted_by_tir(lowered))
    except tvm.error.InternalError as error:
        raise ModelError(
            "TVM cannot compile what no operator of ESP-DL took",
            found=(str(error).strip().splitlines() or [type(error).__name__])[-1],
            try_="simplify the model with `tvm-espdl preprocess`",
        ) from error


def _refuse_counting(kind: str, nodes: Sequence[Node]) -> None:
    node = next((node for node in nodes if node.type == kind), None)
    raise ModelError(
        "the size of a result depends on values",
        where=kind if node is None else f"node {node.name!r} ({kind}), output {node.tensor!r}",
        allowed="results of static shapes",
        try_="end the network before it (`onnx.utils.extract_model` cuts a model) and let the "
        "application compute the rest; on the PC, relax.VirtualMachine runs the library's "
        "`executable` as it is",
    )


def _sorted_by_tir(mod: tvm.IRModule) -> tvm.IRModule:
    """Sorts and scans as functions in TIR, as TVM's own pipeline for a CPU has them."""
    if not any(op_name(binding.value) in _SORTS for binding in bindings_of(main_of(mod))):
        return mod
    with Target("llvm"):
        return relax.backend.DispatchSortScan()(mod)
