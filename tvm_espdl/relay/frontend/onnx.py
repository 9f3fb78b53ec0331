"""ONNX to Relax, by TVM's own importer; every tensor keeps the name that it has in the model.

It reads the network and fixes its batch; it decides nothing about operators or quantization.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import tvm
from onnx import GraphProto, ModelProto
from tvm import ir, relax
from tvm.relax.frontend.onnx.onnx_frontend import ONNXGraphImporter

from ...errors import ModelError
from ...onnx_graphs.chip_metadata import chip_name_in
from ...onnx_graphs.model import fix_batch, input_signature, load_model, output_names
from ...onnx_graphs.opset import raise_opset
from ...onnx_graphs.plain_forms import plain_forms
from ...onnx_graphs.qlinear.rewrite import needs_rewriting, rewrite_qlinear
from ...onnx_graphs.rewriting import opset_of
from ...onnx_graphs.samples_of_a_batch import batch_above_one, with_batch_of_one
from ...onnx_graphs.unsigned import unsigned_to_signed
from ...runtime.making import one_at_a_time
from ..ir import named, named_part, variable_name
from ..program import BATCH, INPUT_NAMES, MADE_FOR, NODES, OUTPUT_NAMES
from .agreement import check_kinds, check_types
from .clear_errors import clear_errors
from .converters import CONVERTERS
from .node import Node

#: Operators of older sets, which TVM's importer misreads or does not know, are raised to this one.
LOWEST_OPSET = 13

Shapes = Mapping[str, Sequence[int]]


@one_at_a_time
def from_onnx(
    model: str | os.PathLike[str] | ModelProto,
    shape: Shapes | None = None,
    dtype: str | Mapping[str, str] | None = None,
    opset: int | None = None,
    freeze_params: bool = True,
    *,
    verify: bool = False,
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import a network.

    Parameters
    ----------
    model : path or ModelProto
        Float or quantized: QDQ, or operators on integers such as QLinearConv, which are written
        as QDQ first. A dynamic batch becomes 1. A network of images or signals with a fixed batch
        above 1 becomes one for a sample: `relay.build`'s library runs it sample by sample.
    shape : dict of str to shape, optional
        Shapes of the inputs; they must agree with the model's static dimensions.
    dtype : str or dict, optional
        Types of the inputs, checked against the model's.
    opset : int, optional
        Must be the model's own; other values are refused.
    freeze_params : bool
        Only True: weights are constants of the module.
    verify : bool
        Whether to run the imported network beside onnxruntime on one random input.

    Returns
    -------
    (tvm.IRModule, dict)
        A module whose `main` takes the network's inputs, and the parameters to pass on to
        `relay.build`: an empty dict, for the weights are constants.

    Raises
    ------
    ModelError
        For a missing or damaged file, dynamic shapes other than the batch, or an
        operator that TVM's importer does not know, or one on integers with computed scales;
        with `verify`, if the results differ, with the first node that does.
    """
    given = load_model(model)
    proto = _plain(given, shape or {})
    batch = batch_above_one(proto)
    proto = with_batch_of_one(proto) if batch > 1 else proto
    _check_options(proto, dtype, opset, opset_of(given), freeze_params)
    check_kinds(proto)
    if verify:
        from ..verification import verify as verify_import

        verify_import(proto, _imported)
    mod = _imported(proto)
    if batch > 1:
        mod["main"] = mod["main"].with_attr(BATCH, batch)
    if chip := chip_name_in(given, ""):
        mod["main"] = mod["main"].with_attr(MADE_FOR, chip)
    return mod, {}


def imported(proto: ModelProto) -> tvm.IRModule:
    """The module of a network of static shapes for as many samples as it says; as `from_onnx`."""
    plain = _plain(proto, {})
    check_kinds(plain)
    return _imported(plain)


def _imported(proto: ModelProto) -> tvm.IRModule:
    """The module of a network of static shapes in plain forms; its nodes are renamed."""
    attrs = {
        INPUT_NAMES: list(input_signature(proto)),
        OUTPUT_NAMES: output_names(proto),
        NODES: _described(proto),
    }
    for node, name in zip(proto.graph.node, _tensor_names(proto), strict=True):
        node.name = name
    shapes = {name: list(shape) for name, (shape, _) in input_signature(proto).items()}
    importer = _Importer(shapes, {}, keep_params_in_input=False, sanitize=True)
    importer.results = {node.name: list(node.output) for node in proto.graph.node}
    _leave_main(proto)
    with clear_errors(proto):
        mod = importer.from_onnx(proto.graph, opset_of(proto))
    check_types(proto, importer._nodes)
    mod["main"] = mod["main"].with_attrs(attrs)
    return mod


def _plain(proto: ModelProto, shapes: Shapes) -> ModelProto:
    """The network with static shapes, in an operator set and forms that importers read."""
    proto = fix_batch(_with_shapes(_as_qdq(proto), shapes))
    if opset_of(proto) < LOWEST_OPSET:
        # What ONNX's converter does not know, TVM's importer may.
        with contextlib.suppress(ModelError):
            proto = raise_opset(proto, LOWEST_OPSET)
    return unsigned_to_signed(plain_forms(proto))


def _leave_main(proto: ModelProto) -> None:
    """Rename a tensor `main` for TVM, whose function has that name; all else keeps its own."""
    graph = proto.graph
    infos = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    taken = {info.name for info in infos}
    taken.update(name for node in graph.node for name in (*node.input, *node.output))
    free = variable_name("main")
    while free in taken:
        free += "_"
    for node in graph.node if "main" in taken else ():
        for names in (node.input, node.output):
            names[:] = [free if name == "main" else name for name in names]
    for info in infos:
        info.name = free if info.name == "main" else info.name


def _as_qdq(proto: ModelProto) -> ModelProto:
    """Return `proto`, its operators on integers (QLinearConv and the like) written as QDQ."""
    types = {node.op_type for node in proto.graph.node} - {"QuantizeLinear"}
    if not any(name.startswith(("Q", "Dynamic")) or "Integer" in name for name in types):
        return proto
    return rewrite_qlinear(proto) if needs_rewriting(proto) else proto


def _described(proto: ModelProto) -> list[list[str]]:
    """Name, type and results of every node that computes something, for the report."""
    silent = ("QuantizeLinear", "DequantizeLinear", "Constant")
    return [
        [node.name or node.output[0], node.op_type, *node.output]
        for node in proto.graph.node
        if node.op_type not in silent
    ]


def _tensor_names(proto: ModelProto) -> list[str]:
    """For each node, what the model calls the tensor that it computes.

    A quantize node computes the tensor that it quantizes: its result is named after its input,
    or after the network's output where it only stands between the two. One that requantizes
    makes a tensor of its own.
    """
    outputs = set(output_names(proto))
    final = {
        node.input[0]: node.output[0]
        for node in proto.graph.node
        if node.op_type == "DequantizeLinear" and node.output[0] in outputs
    }
    dequantized = {n.output[0] for n in proto.graph.node if n.op_type == "DequantizeLinear"}
    names = []
    for node in proto.graph.node:
        name = next((name for name in node.output if name), node.name)
        if node.op_type == "QuantizeLinear" and node.input[0] not in dequantized:
            name = final.get(node.output[0], node.input[0])
        names.append(name)
    return names


class _Importer(ONNXGraphImporter):  # type: ignore[misc]
    """TVM's importer, which writes the tensor's name into the span of each call.

    Attributes
    ----------
    results : dict of str to list of str
        All results of a node, by the name of the first.
    """

    results: Mapping[str, Sequence[str]] = {}

    def _check_for_unsupported_ops(self, graph: GraphProto) -> None:
        """Operators that TVM's importer does not know may be among those of our own."""
        others = [node for node in graph.node if node.op_type not in CONVERTERS]
        super()._check_for_unsupported_ops(SimpleNamespace(node=others))

    def _convert_operator(
        self, op_name: str, inputs: list[Any], attrs: dict[str, Any], opset: int
    ) -> Any:
        convert = CONVERTERS.get(op_name)
        result = convert(Node(inputs, attrs)) if convert is not None else None
        if result is None:
            result = super()._convert_operator(op_name, inputs, attrs, opset)
        name = attrs["tvm_custom"]["name"]
        if isinstance(result, ir.Call):
            bound = self._emitted(result, name)
            fields = len(bound.ty.fields) if isinstance(bound.ty, relax.TupleType) else 0
            parts = [relax.TupleGetItem(bound, place) for place in range(fields)]
            return self._parts(parts, name) if fields else bound
        if isinstance(result, relax.Tuple):
            return self._parts(list(result.fields), name)
        return result

    def _emitted(self, call: ir.Call, name: str) -> Any:
        # TVM forgets a call's span when it binds calls among its arguments.
        bound = [self.bb.emit(a) if isinstance(a, ir.Call) else a for a in call.args]
        whole = named(ir.Call(call.op, bound, call.attrs, call.ty_args), name)
        return self.bb.emit(whole, variable_name(name))

    def _parts(self, parts: list[Any], node: str) -> relax.Tuple:
        """The results of a node that has several, each with its own name."""
        fields = []
        for part, name in itertools.zip_longest(parts, self.results.get(node, [node])):
            bound = self.bb.lookup_binding(part) if isinstance(part, relax.Var) else part
            if isinstance(bound, ir.Call) and name:
                fields.append(self._emitted(bound, name))
            elif isinstance(bound, relax.TupleGetItem) and name:
                fields.append(self.bb.emit(named_part(bound, name), variable_name(name)))
            elif part is not None:
                fields.append(part)
        return relax.Tuple(fields)


def _with_shapes(proto: ModelProto, shapes: Shapes) -> ModelProto:
    if not shapes:
        return proto
    if not isinstance(shapes, Mapping) or not all(hasattr(s, "__len__") for s in shapes.values()):
        raise ModelError("no shapes", where="shape", found=repr(shapes), allowed="{input: shape}")
    given = type(proto)()
    given.CopyFrom(proto)
    inputs = {value.name: value for value in given.graph.input}
    for name, shape in shapes.items():
        if name not in inputs:
            raise ModelError("no such input", where="shape", found=name, allowed=", ".join(inputs))
        dims = inputs[name].type.tensor_type.shape.dim
        static = tuple(d.dim_value if d.HasField("dim_value") else "any" for d in dims)
        fixed = {axis: own for axis, own in enumerate(static) if own != "any"}
        if len(static) != len(shape) or any(shape[axis] != own for axis, own in fixed.items()):
            raise ModelError(
                "the shape does not fit the model",
                where=f"input {name}",
                found=tuple(shape),
                allowed=static,
            )
        for dim, extent in zip(dims, shape, strict=True):
            dim.dim_value = extent
    return given


def _check_options(
    proto: ModelProto,
    dtype: str | Mapping[str, str] | None,
    opset: int | None,
    version: int,
    freeze_params: bool,
) -> None:
    if opset not in (None, version):
        raise ModelError("another opset than the model's", found=opset, allowed=version)
    if not freeze_params:
        raise ModelError("weights stay constants", where="freeze_params", found=False, allowed=True)
    for name, (_, own) in input_signature(proto).items():
        wanted = dtype.get(name) if isinstance(dtype, Mapping) else dtype
        # The old interface has float32 as its default for every input, integer ones included.
        if wanted is not None and wanted not in (str(own), "float32"):
            raise ModelError(
                "the dtype does not fit the model", where=f"input {name}", found=wanted, allowed=own
            )
