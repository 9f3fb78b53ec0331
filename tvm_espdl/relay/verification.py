"""Runs an imported network beside onnxruntime on one input, and names the first node that differs.

Must never change the network. It asks whether the import is right, not how good quantization is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import tvm
from onnx import ModelProto

from ..chips import CHIPS
from ..errors import ModelError
from ..onnx_graphs.graph import Array, Graph
from ..onnx_graphs.samples_of_a_batch import drawn_inputs
from ..onnx_graphs.session import open_session, run_session
from ..runtime.executor import build
from ..runtime.host import host_target
from .lowering import program_for

#: Of the largest value of a tensor, what float rounding explains; in networks with quantization,
#: what rounding of halves and of means does.
LARGEST_RELATIVE, LARGEST_QUANTIZED = 1e-3, 3e-2

#: It rounds halves as ONNX does.
_CHIP = "esp32p4"

_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")

Import = Callable[[ModelProto], tvm.IRModule]


def verify(model: ModelProto, import_: Import) -> None:
    """Compare a network of static shapes, as it is imported, with onnxruntime.

    Parameters
    ----------
    model : ModelProto
        Its random inputs are normally distributed, integers 0 or 1.
    import_ : callable
        From such a network to a module; it is called for the network, and again with all tensors
        as outputs where results differ.

    Raises
    ------
    ModelError
        If results differ, with the first node that does; or if onnxruntime cannot run it.
    """
    inputs = drawn_inputs(model)
    names = [value.name for value in model.graph.output]
    wrong = _differing(model, import_, names, inputs)
    if wrong is None:
        return
    graph = Graph(model)
    inner = [
        name
        for node in graph.nodes
        if node.op_type not in ("QuantizeLinear", "Constant")
        for name in filter(None, node.output)
        if name not in names
    ]
    first = _differing(_showing(model, inner), import_, [*inner, *names], inputs, graph) or wrong
    name, found, expected = first
    node = graph.maker(name)
    place = f"output {name!r}" if node is None else f"node {node.name or name!r} ({node.op_type})"
    raise ModelError(
        "the imported network computes something else than onnxruntime",
        where=f"{place}, tensor {name!r}",
        found=found,
        allowed=expected,
        try_="write this node in another way, and report it with the node alone "
        "(`onnx.utils.extract_model` cuts it out)",
    )


def _showing(model: ModelProto, inner: Sequence[str]) -> ModelProto:
    """The network with all tensors of known type as outputs."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    infos = {value.name: value for value in model.graph.value_info}
    shown.graph.output.extend(infos[name] for name in inner if name in infos)
    return shown


def _differing(
    model: ModelProto,
    import_: Import,
    names: Sequence[str],
    inputs: dict[str, Array],
    order: Graph | None = None,
) -> tuple[str, str, str] | None:
    """The first of `names` that differs, with what is found there and what onnxruntime has."""
    graph = Graph(model)
    outputs = graph.outputs
    quantized = any(node.op_type in _CONVERSIONS for node in graph.nodes)
    session = open_session(model, "the network, for comparison")
    expected = dict(zip(outputs, run_session(session, outputs, inputs, "the network"), strict=True))
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    program = program_for(import_(copy), CHIPS[_CHIP])
    (executor,) = build([program], host_target(None))
    results, _ = executor.run([inputs[name] for name in graph.inputs])
    found = dict(zip(outputs, results, strict=True))
    limit = LARGEST_QUANTIZED if quantized else LARGEST_RELATIVE
    for name in sorted(names, key=lambda name: (order or graph).producer(name) or 0):
        if name in found:
            problem = _problem(found[name], expected[name], limit)
            if problem:
                return (name, *problem)
    return None


def _problem(found: Array, expected: Array, limit: float) -> tuple[str, str] | None:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return f"{found.dtype} of {found.shape}", f"{expected.dtype} of {expected.shape}"
    if not expected.size:
        return None
    one, other = found.astype(np.float64), expected.astype(np.float64)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if expected.dtype.kind == "f":
        finite = np.abs(other[np.isfinite(other)])
        largest = float(finite.max()) if finite.size else 0.0
        same |= np.abs(one - other) <= limit * largest
    if same.all():
        return None
    place = np.unravel_index(int(np.argmin(same)), same.shape)
    where = f"at {tuple(map(int, place))}, as in {np.mean(~same):.0%} of all elements"
    return f"{found[place]} {where}", f"{expected[place]}"
