"""Turns what TVM's importer raises, of many kinds, into one error that says what helps.

Within it the importer neither prints nor warns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tvm
from onnx import ModelProto

from ...errors import ModelError
from ...onnx_graphs.branches import deciding_inputs
from ...onnx_graphs.graph import STANDARD
from ...onnx_graphs.qlinear.names import MICROSOFT
from .silence import silent


@contextlib.contextmanager
def clear_errors(proto: ModelProto) -> Iterator[None]:
    """Turn the importer's prints, warnings and many kinds of exception into one clear error."""
    try:
        with silent():
            yield
    except (
        NotImplementedError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        AssertionError,
        RuntimeError,
        tvm.error.InternalError,
    ) as error:
        raise ModelError(
            "TVM's importer cannot read the network",
            where=proto.graph.name or "the ONNX graph",
            found=str(error).strip().splitlines()[-1] if str(error).strip() else repr(error),
            try_=_advice(proto),
        ) from error


def _advice(proto: ModelProto) -> str:
    foreign = {node.domain for node in proto.graph.node} - {*STANDARD}
    if foreign:
        return _of_domain(min(foreign))
    decide = deciding_inputs(proto)
    if not decide:
        return "simplify the model with `tvm-espdl preprocess` or export with another opset"
    values = " ".join(f"--input_value {name}:VALUE" for name in decide)
    return f"its If nodes choose by an input; fix that: tvm-espdl preprocess {values}"


def _of_domain(domain: str) -> str:
    """What to do about operators that are none of ONNX's own."""
    if domain.startswith(MICROSOFT):
        return "take the model as it was before onnxruntime optimized it, or at ORT_ENABLE_BASIC"
    if domain == "ai.onnx.ml":
        return (
            "export the network alone, in Gemm and Relu, without the names of its classes (zipmap)"
        )
    return f"write the operators of {domain!r} in ONNX's own, or cut them off"
