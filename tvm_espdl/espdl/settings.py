"""The `.json` that ESP-PPQ writes beside a model: how each variable of each node is quantized.

The layout is ESP-PPQ's; the numbers by which variables refer to each other are made from their
names, so that the same model gives the same text. It reads a model and decides nothing.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from ..chips import Chip, find_chip
from ..errors import ModelError
from .evidence import METADATA_KEYS, chip_name
from .schema import Model, Node, Tensor

CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "RequantizeLinear")
# Nodes whose result is made of their input's elements and has its scale.
MOVES = (
    "DepthToSpace",
    "Flatten",
    "Gather",
    "GlobalMaxPool",
    "Identity",
    "InsertZeros",
    "MaxPool",
    "Pad",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
SCHEMES = {"S8": "INT8", "S16": "INT16", "W8A16": "W8A16"}
BIASED = ("Conv", "Gemm")
BIAS = 2


def settings_of(model: Model) -> str:
    """The whole text, with a line break at its end; refused if the model names no chip."""
    named = chip_name(model)
    if not named:
        raise ModelError(
            "the model does not say which chip it is for",
            where="metadata",
            allowed=", ".join(METADATA_KEYS),
            try_="write the file with this package, which states it",
        )
    described = _Describer(model, find_chip(named))
    nodes = [node for node in model.graph.nodes if node.op_type not in CONVERSIONS]
    names = [node.name or node.outputs[0] for node in nodes]
    document = {
        "configs": dict(zip(names, map(described.variables, nodes), strict=True)),
        "dispatchings": dict(zip(names, map(described.platform, nodes), strict=True)),
        "values": described.values,
    }
    return json.dumps(document, indent=4) + "\n"


class _Describer:
    """Describes the variables node by node; `dominators` knows whose scale each one has."""

    def __init__(self, model: Model, chip: Chip) -> None:
        self.graph, self.chip = model.graph, chip
        self.dominators: dict[str, int] = {}
        self.values: dict[str, dict[str, Any]] = {}

    def platform(self, node: Node) -> str:
        """ESP-PPQ's name of what the node is quantized for."""
        quant_type = self._quant_type(node)
        if quant_type not in SCHEMES:
            return "FP32"
        return f"{self.chip.platform}_{SCHEMES[quant_type]}"

    def variables(self, node: Node) -> dict[str, dict[str, Any]]:
        """Every input and output of a node, and whose scale it has."""
        found = {}
        for place, name in enumerate(node.inputs):
            if name in self.graph.initializers:
                found[name] = self._parameter(node, place, self.graph.initializers[name])
            elif name:
                found[name] = self._activation(node, name)
        for name in filter(None, node.outputs):
            if node.op_type in MOVES and node.inputs[0] in self.dominators:
                self.dominators.setdefault(name, self.dominators[node.inputs[0]])
            found[name] = self._activation(node, name)
        return found

    def _activation(self, node: Node, name: str) -> dict[str, Any]:
        value = self.graph.values[name]
        own = _number(node, name)
        dominator = self.dominators.setdefault(name, own)
        if not value.dtype.startswith("int"):
            return _config(own, own, "FP32", self._bits(node))
        self._learn(dominator, value.exponents)
        state = "ACTIVATED" if dominator == own else "OVERLAPPED"
        return _config(own, dominator, state, 8 * np.dtype(value.dtype).itemsize)

    def _parameter(self, node: Node, place: int, tensor: Tensor) -> dict[str, Any]:
        own = _number(node, tensor.name)
        is_bias = node.op_type in BIASED and place == BIAS
        if tensor.dtype in ("int64", "float32") and not is_bias:
            return _config(own, own, "FP32", self._bits(node))
        self._learn(own, tensor.exponents)
        state, bits = "ACTIVATED", 8 * np.dtype(tensor.dtype).itemsize
        if is_bias:
            data = "int8" if self._quant_type(node) == "S8" else "int16"
            state, bits = "PASSIVE", self.chip.quantized_bias_bits(data)
        return _config(own, own, state, bits, per_channel=len(tensor.exponents) > 1)

    def _learn(self, number: int, exponents: tuple[int, ...]) -> None:
        scales = [2.0**exponent for exponent in exponents]
        value: dict[str, Any] = {"scale": scales[0], "zero_point": 0.0}
        if len(scales) > 1:
            value = {"scale": scales, "zero_point": [0.0] * len(scales)}
        self.values.setdefault(str(number), value)

    @staticmethod
    def _quant_type(node: Node) -> str:
        attribute = node.attributes.get("quant_type")
        return str(attribute.value) if attribute is not None else "S8"

    def _bits(self, node: Node) -> int:
        return 16 if self._quant_type(node) in ("S16", "W8A16") else 8


def _config(
    own: int, dominator: int, state: str, bits: int, *, per_channel: bool = False
) -> dict[str, Any]:
    return {
        "bit_width": bits,
        "policy": {
            "PER_TENSOR": not per_channel,
            "PER_CHANNEL": per_channel,
            "LINEAR": True,
            "FLOATING": False,
            "SYMMETRICAL": True,
            "ASYMMETRICAL": False,
            "POWER_OF_2": True,
            "DYNAMIC": False,
        },
        "state": state,
        "quant_min": -(1 << (bits - 1)),
        "quant_max": (1 << (bits - 1)) - 1,
        "hash": own,
        "dominator": dominator,
    }


def _number(node: Node, name: str) -> int:
    """What a variable of a node is referred to by."""
    return zlib.crc32(f"{node.name or node.outputs[0]}\0{name}".encode())
