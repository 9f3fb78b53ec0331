"""Finds the activation functions that a quantized model leaves to saturation.

onnxruntime drops Relu and Clip before an asymmetric QuantizeLinear whose range ends where they
cut. Must never add a function where the tensor is within its bounds already, nor say how wide
results are that are selected: the smallest value may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, numpy_helper

from ...onnx_graphs.graph import Array, attribute
from ...onnx_graphs.qlinear.quantizer import Quantizer

#: The output holds values of the data inputs, and nothing else but zeros; None: all are data.
MOVING: dict[str, int | None] = {
    **dict.fromkeys(("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity"), 1),
    **dict.fromkeys(("Slice", "Split", "Gather", "Expand", "Tile", "MaxPool", "Dropout"), 1),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth", "GlobalMaxPool", "ReduceMax", "ReduceMin"), 1),
    "Concat": None,
}
#: The output lies between the data's extremes, as a rule well inside.
AVERAGING = ("AveragePool", "GlobalAveragePool", "ReduceMean")

#: The result lies between the smallest and the largest value of the data inputs.
SELECTING = {**MOVING, **dict.fromkeys(AVERAGING, 1), **dict.fromkeys(("Max", "Min"), None)}

#: Relu6 is Clip from 0 to this.
_SIX = 6.0

_NON_NEGATIVE = {
    **dict.fromkeys(("Relu", "Abs", "Exp", "Sqrt", "Softplus", "ReduceL1", "ReduceL2"), math.inf),
    **dict.fromkeys(("Sigmoid", "HardSigmoid", "Softmax"), 1.0),
}
# Of numbers that are not negative they make others that are not.
_MONOTONIC = ("Add", "Mul", "Sum", "Div", "LeakyRelu", "PRelu", "ReduceSum", "HardSwish", "Elu")


@dataclass(frozen=True)
class Activation:
    """A function that cuts values off: from 0 to `high`."""

    high: float

    @property
    def operator(self) -> str:
        """Its name in ONNX."""
        return "Relu" if math.isinf(self.high) else "Clip"

    def limits(self) -> Iterator[tuple[str, Array]]:
        """The constant inputs of its node after the first one, by a name for each."""
        if not math.isinf(self.high):
            yield "min", np.zeros((), np.float32)
            yield "max", np.full((), self.high, np.float32)


def hidden_activation(low: float, high: float, quantizer: Quantizer) -> Activation | None:
    """The activation function that saturation at `low` and `high` stands for.

    Relu where `low` is 0; from 0 to 6 where `high` is 6 besides, to half a step of the quantizer;
    else None, for a range that ends elsewhere is only what calibration saw.
    """
    if low != 0.0:
        return None
    assert quantizer.scale is not None
    step = float(quantizer.scale.reshape(()))
    return Activation(_SIX if abs(high - _SIX) < step / 2 else math.inf)


class Bounds:
    """Between which bounds the tensors of a float graph are known to lie."""

    def __init__(self, model: ModelProto) -> None:
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._bounds: dict[str, tuple[float, float]] = {}

    def add(self, node: NodeProto) -> None:
        """Learn the bounds of the results of the next node, in the order of the graph."""
        found: tuple[float, float] | None = None
        if node.op_type in _NON_NEGATIVE:
            found = 0.0, _NON_NEGATIVE[node.op_type]
        elif node.op_type == "Clip":
            found = self._limit(node, 1, "min", -math.inf), self._limit(node, 2, "max", math.inf)
        elif node.op_type in SELECTING:
            sources = [self.of(name) for name in node.input[: SELECTING[node.op_type]]]
            found = min(low for low, _ in sources), max(high for _, high in sources)
        elif node.op_type in _MONOTONIC:
            if all(self.of(name)[0] >= 0.0 for name in node.input if name):
                found = 0.0, math.inf
        elif node.op_type == "Pad":
            low, high = self.of(node.input[0])
            found = min(low, self._padding(node)), max(high, self._padding(node))
        elif node.op_type == "Resize" and attribute(node, "mode", b"nearest") != b"cubic":
            found = self.of(node.input[0])
        if found is not None:
            self._bounds.update((name, found) for name in node.output if name)

    def of(self, name: str) -> tuple[float, float]:
        """The bounds of a tensor; infinite where nothing is known."""
        if name in self._constants and name not in self._bounds:
            value = numpy_helper.to_array(self._constants[name])
            if value.size and value.dtype == np.float32:
                self._bounds[name] = float(value.min()), float(value.max())
        return self._bounds.get(name, (-math.inf, math.inf))

    def learn(self, name: str, low: float, high: float) -> None:
        """Take it that a tensor lies between two numbers."""
        self._bounds[name] = low, high

    def is_within(self, name: str, activation: Activation) -> bool:
        """Whether `activation` would change nothing of the tensor."""
        low, high = self.of(name)
        return low >= 0.0 and high <= activation.high

    def _padding(self, node: NodeProto) -> float:
        """The value that a Pad puts around; 0 for those that repeat what is there."""
        if attribute(node, "mode", b"constant") != b"constant":
            return 0.0
        name = node.input[2] if len(node.input) > 2 else ""
        return self.of(name)[0] if name else float(attribute(node, "value", 0.0))

    def _limit(self, node: NodeProto, place: int, name: str, open_end: float) -> float:
        if len(node.input) > place and node.input[place]:
            tensor = self._constants.get(node.input[place])
            value = np.full(0, 0.0) if tensor is None else numpy_helper.to_array(tensor)
            return float(value.reshape(())) if value.size == 1 else open_end
        return float(attribute(node, name, open_end))
