"""Opens onnxruntime sessions that give the same numbers every time: CPU, one thread, as written.

Must never let onnxruntime rewrite a graph, nor let one of its errors through unexplained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto
from onnxruntime.capi import onnxruntime_pybind11_state as native

from ..errors import ModelError
from .graph import Array

# onnxruntime's exceptions have no common base class.
_ERRORS: tuple[type[Exception], ...] = (
    native.EPFail,
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NotImplemented,
    native.RuntimeException,
    ValueError,
    RuntimeError,  # for results of types that NumPy lacks, such as bfloat16
)


def open_session(model: ModelProto, where: str) -> Any:
    """Open `model` in onnxruntime; `where` says what it is, for the error message.

    Raises
    ------
    ModelError
        If onnxruntime cannot run the network.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4  # the message of the exception says it once; that is enough
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except _ERRORS as problem:
        raise _refusal(where, problem) from problem


def run_session(
    session: Any, outputs: Sequence[str] | None, feed: Mapping[str, Array], where: str
) -> list[Array]:
    """Run an open session on one set of inputs.

    Raises
    ------
    ModelError
        If onnxruntime stops in the middle of the network.
    """
    if outputs is not None and not outputs:
        return []  # onnxruntime would take it for all of them
    options = onnxruntime.RunOptions()
    options.only_execute_path_to_fetches = True
    names = list(outputs) if outputs is not None else None
    try:
        return [np.asarray(value) for value in session.run(names, dict(feed), options)]
    except _ERRORS as problem:
        raise _refusal(where, problem) from problem


def _refusal(where: str, problem: Exception) -> ModelError:
    return ModelError(
        "onnxruntime cannot run the network",
        where=where,
        found=" ".join(str(problem).split()),
        allowed="a float model of standard ONNX operators",
        try_="run the model in onnxruntime on its own, and export it again without what it names",
    )
