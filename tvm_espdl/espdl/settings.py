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
from .evidence import METADATA_KEYS
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
    """The whole text, with a line break at its end.

    Raises
    ------
    ModelError
        If the model does not say which chip it is for.
    """
    described = _Describer(model, _chip_of(model))
    nodes = [node for node in model.graph.nodes if node.op_type not in CONVERSIONS]
    configs = {node.name or node.outputs[0]: described.variables(node) for node in nodes}
    document = {
        "configs": configs,
        "dispatchings": {node.name or node.outputs[0]: described.platform(node) for node in nodes},
        "values": described.values,
    }
    return json.dumps(document, indent=4) + "\n"


def _chip_of(model: Model) -> Chip:
    named = [model.metadata[key] for key in METADATA_KEYS if key in model.metadata]
    if not named:
        raise ModelError(
            "the model does not say which chip it is for",
            where="metadata",
            allowed=", ".join(METADATA_KEYS),
            try_="write the file with this package, which states it",
        )
    return find_chip(named[0])


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
        return _config(own, dominator, state, 8 * _itemsize(value.dtype))

    def _parameter(self, node: Node, place: int, tensor: Tensor) -> dict[str, Any]:
        own = _number(node, tensor.name)
        if tensor.dtype in ("int64", "float32") and not self._is_bias(node, place):
            return _config(own, own, "FP32", self._bits(node))
        self._learn(own, tensor.exponents)
        per_channel = len(tensor.exponents) > 1
        if self._is_bias(node, place):
            data = "int8" if self._quant_type(node) == "S8" else "int16"
            bits = self.chip.quantized_bias_bits(data)
            return _config(own, own, "PASSIVE", bits, per_channel=per_channel)
        bits = 8 * _itemsize(tensor.dtype)
        return _config(own, own, "ACTIVATED", bits, per_channel=per_channel)

    def _learn(self, number: int, exponents: tuple[int, ...]) -> None:
        scales = [2.0**exponent for exponent in exponents]
        many = len(scales) > 1
        self.values.setdefault(
            str(number),
            {
                "scale": scales if many else scales[0],
                "zero_point": [0.0] * len(scales) if many else 0.0,
            },
        )

    @staticmethod
    def _is_bias(node: Node, place: int) -> bool:
        return node.op_type in BIASED and place == BIAS

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


def _itemsize(dtype: str) -> int:
    return np.dtype(dtype).itemsize
