"""A node of an `.espdl` file that ESP-DL does not run, as ONNX defines it: compiled like a model.

Its integers are dequantized in front of it and its results quantized behind it, at the exponents
of the file. Where it stands in the network, and what it reads, is `tvm_espdl.espdl`'s business.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import onnx.shape_inference
from onnx import TensorProto, helper, numpy_helper
from onnx.defs import OpSchema, SchemaError

from ...errors import EspdlError
from ...espdl.families import READERS
from ...espdl.node_content import NotOnEspdl
from ...espdl.node_view import NodeView
from ...espdl.schema import Tensor as Stored
from ...ops import Refusal, Tensor
from ...ops.base.rounding import Array, power_of_two
from ...program import Native, Program
from ...report.log import HAS_AN_OPERATOR
from ..lowering import program_for
from .onnx import imported

OPSET = 21  # the first with scales of 16-bit integers
# What has its data with channels last in a file, whatever its own format.
CHANNELS_LAST = (
    *("AveragePool", "DepthToSpace", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool"),
    *("GlobalLpPool", "Resize", "SpaceToDepth", "Upsample"),
)
# Their filters are packed, in ways that the reader of the file alone knows.
PACKED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
RULE = "espdl_runs_the_node"
BIASES = 3  # place of those of a recurrent layer


def add_as_onnx(view: NodeView, left: NotOnEspdl) -> None:
    """Add the steps of a node that the reader of the file has left, and warn.

    Raises
    ------
    NotOnEspdl
        What the reader said, where ONNX or TVM know no such node, or it contradicts its tensors.
    """
    try:
        model, types = _Model(view, left).made()
        part = program_for(imported(model), view.chip)
        refusal = _refusal(view, left)
        view.steps.add_program(_explained(part, refusal), _computed(view), types)
    except EspdlError as problem:
        raise left from (None if problem is left else problem)
    except (ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise left from problem
    where = "operators that ESP-DL has compute it"
    if any(isinstance(step.operator, Native) for step in part.steps):
        where = "TVM computes it in float, from and to the integers of the file"
    view.warn(f"{refusal.sentence} Found: {refusal.found}. Here {where}.")


def _refusal(view: NodeView, left: NotOnEspdl) -> Refusal:
    """Why the node is left, as reports say it."""
    if view.node.op_type not in READERS:
        return HAS_AN_OPERATOR.refused(f"{view.node.name or view.output()} ({view.node.op_type})")
    if left.refusal is not None:
        return left.refusal
    texts = (left.found, left.allowed, left.try_)
    found, allowed, fix = ("" if text is None else str(text) for text in texts)
    return Refusal(
        RULE,
        f"Neither ESP-DL nor this package runs such a node of a file: {left.what}.",
        found or view.node.op_type,
        allowed or "what docs/operators.md lists",
        fix or "replace it in the model",
    )


def _explained(part: Program, refusal: Refusal) -> Program:
    """The program with the reason at each of TVM's functions."""
    steps = tuple(
        dataclasses.replace(step, operator=dataclasses.replace(step.operator, reason=refusal))
        if isinstance(step.operator, Native)
        else step
        for step in part.steps
    )
    return dataclasses.replace(part, steps=steps)


def _computed(view: NodeView) -> list[str]:
    """What the node reads that is not constant, once each."""
    places = range(len(view.node.inputs))
    names = [view.name(n) for n in places if view.has(n) and not view.is_constant(n)]
    return list(dict.fromkeys(names))


class _Model:
    """The node as a model of its own, which takes and gives what the file's values are."""

    def __init__(self, view: NodeView, left: NotOnEspdl) -> None:
        self.view, self.left, self.kind = view, left, view.node.op_type
        if self.kind in PACKED or view.string("activation", "Linear") != "Linear":
            raise left
        try:
            self.schema = onnx.defs.get_schema(self.kind, OPSET)
        except SchemaError as problem:
            raise left from problem
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self.inputs = [
            helper.make_tensor_value_info(
                name, _elem(view.types.of(name)), view.types.of(name).shape
            )
            for name in _computed(view)
        ]

    def made(self) -> tuple[onnx.ModelProto, dict[str, Tensor]]:
        """The model, and the file's types of its results under their names."""
        names = [self._given(place) for place in range(len(self.view.node.inputs))]
        results = [f"{name}_real" if name else "" for name in self.view.node.outputs]
        self.nodes.append(
            helper.make_node(self.kind, names, results, self.view.node.name or "node")
        )
        self.nodes[-1].attribute.extend(self._attributes())
        outputs = [
            (name, self._turned(real, back=True))
            for name, real in zip(self.view.node.outputs, results, strict=True)
            if name
        ]
        shapes = self._shapes([real for _, real in outputs])
        types = {}
        for name, real in outputs:
            elem, shape = shapes[real]
            types[name] = self.view.types.correct(name, shape)
            self._quantize(real, name, types[name], elem)
        given = [
            helper.make_tensor_value_info(name, _elem(tensor), tensor.shape)
            for name, tensor in types.items()
        ]
        return self._model(given), types

    def _model(self, outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "node", self.inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])

    def _shapes(self, names: list[str]) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Element types and shapes of values; a `ValueError` where they are not known."""
        outputs = [onnx.ValueInfoProto(name=name) for name in names]
        try:
            model = onnx.shape_inference.infer_shapes(
                self._model(outputs), check_type=True, strict_mode=True, data_prop=True
            )
        except onnx.shape_inference.InferenceError as problem:
            raise ValueError(str(problem)) from problem
        found = {}
        for value in model.graph.output:
            tensor = value.type.tensor_type
            if not tensor.HasField("shape") or any(
                not d.HasField("dim_value") for d in tensor.shape.dim
            ):
                raise ValueError(f"{value.name} has a shape that is known only at run time")
            shape = tuple(d.dim_value for d in tensor.shape.dim)
            found[value.name] = tensor.elem_type, shape
        return found

    def _attributes(self) -> list[onnx.AttributeProto]:
        """Those that ONNX knows; the others are of the file's format."""
        return [
            helper.make_attribute(name, found.value)
            for name, found in self.view.node.attributes.items()
            if name in self.schema.attributes and not isinstance(found.value, Stored | None)
        ]

    def _types(self, place: int) -> set[str]:
        """What ONNX takes at a place."""
        formal = self.schema.inputs
        if place >= len(formal) and formal[-1].option != OpSchema.FormalParameterOption.Variadic:
            raise ValueError(f"{place + 1} inputs")
        return set(formal[min(place, len(formal) - 1)].types)

    def _given(self, place: int) -> str:
        """The name of an input as the operator takes it."""
        view = self.view
        if not view.has(place):
            return ""
        name, allowed = view.name(place), self._types(place)
        if view.is_constant(place):
            array = self._real(self._stored(place), allowed)
            self.constants.append(numpy_helper.from_array(array, f"{name}_{place}"))
            return f"{name}_{place}"
        tensor = view.types.of(name)
        if tensor.dtype in ("int8", "int16"):
            if "tensor(float)" not in allowed:
                raise ValueError(f"integers at place {place}")
            real = f"{name}_{place}_real"
            self._scaled("DequantizeLinear", name, real, tensor)
            name = real
        return self._turned(name) if place == 0 else name

    def _stored(self, place: int) -> Stored:
        """A constant; biases of a layer are at its gates' exponent, whatever the file says."""
        stored = self.view.stored(place)
        if self.kind not in ("GRU", "LSTM") or place != BIASES:
            return stored
        return dataclasses.replace(stored, exponents=(self.view.integer("gate_exponent", -8),))

    def _real(self, stored: Stored, allowed: set[str]) -> Array:
        """A constant: as floats where it is quantized, which an index is not."""
        array = stored.array().astype(stored.dtype)
        if "tensor(float)" not in allowed or array.dtype.kind != "i":
            return array
        if array.dtype.itemsize > 2 and "tensor(int64)" in allowed:
            return array
        scale = power_of_two(stored.exponents[0] if stored.exponents else 0)
        return (array.astype(np.float64) * float(scale)).astype(np.float32)

    def _turned(self, name: str, *, back: bool = False) -> str:
        """Data with channels in front of rows and columns, or behind them again."""
        if self.kind not in CHANNELS_LAST:
            return name
        rank = len(self.view.tensor().shape)
        order = (0, *range(2, rank), 1) if back else (0, rank - 1, *range(1, rank - 1))
        self.nodes.append(helper.make_node("Transpose", [name], [f"{name}_turned"], perm=order))
        return f"{name}_turned"

    def _quantize(self, real: str, name: str, tensor: Tensor, elem: int) -> None:
        """The result under its own name, of the file's type."""
        if tensor.dtype in ("int8", "int16") and elem == TensorProto.FLOAT:
            self._scaled("QuantizeLinear", real, name, tensor)
        elif elem == _elem(tensor):
            self.nodes.append(helper.make_node("Identity", [real], [name]))
        else:
            raise ValueError(f"{name} is of {tensor.dtype}")

    def _scaled(self, kind: str, source: str, result: str, tensor: Tensor) -> None:
        scale, zero = f"{result}_scale", f"{result}_zero"
        self.constants += [
            numpy_helper.from_array(np.float32(power_of_two(tensor.uniform_exponent)), scale),
            numpy_helper.from_array(np.array(0, tensor.dtype), zero),
        ]
        self.nodes.append(helper.make_node(kind, [source, scale, zero], [result]))


def _elem(tensor: Tensor) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype)))
