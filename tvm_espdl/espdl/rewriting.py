"""A model from a file as it is written again: complete, and saying what it is.

Exporters leave attributes out that the runtime reads without a default, count axes from the end,
and do not say which chip a file is for. Bits and layouts stay as they are.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping

from ..chips import Chip
from ..errors import ModelError
from .draft import Setting, attribute, unused
from .file import File
from .from_program import NOT_REGISTERED, TOOL, metadata_of, refuse
from .schema import Attribute, Graph, Model, Node
from .to_program import program_of
from .writing import payload_of

# Types of nodes that ESP-DL v3.3.9 can run; what a node may have is said by its operator's rules.
# Source: `dl/module/include/dl_module_creator.hpp`.
REDUCTIONS = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)
REGISTERED = frozenset(
    (
        *("Add", "Div", "Mod", "Mul", "Pow", "Sub"),
        *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
        *("Conv", "Gemm", "MatMul", "GRU", "LSTM"),
        *("AveragePool", "GlobalAveragePool", "MaxPool", "Resize"),
        *("Clip", "Elu", "Exp", "Gelu", "HardSigmoid", "HardSwish", "LUT", "LeakyRelu", "Log"),
        *("LogSoftmax", "Neg", "PRelu", "Relu", "Sigmoid", "Softmax", "Sqrt", "Swish", "Tanh"),
        *("Concat", "Flatten", "Gather", "Identity", "Pad", "Reshape", "ReverseSequence"),
        *("ScatterND", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
        *("DepthToSpace", "InsertZeros", "SpaceToDepth", "StreamingCache"),
        *("LayerNormalization", "LpNormalization", "RMSNormalization"),
        *("DequantizeLinear", "QuantizeLinear", "RequantizeLinear"),
        *REDUCTIONS,
    )
)
QUANT_TYPES = ("S8", "S16", "F32")

Defaults = Callable[[int], Mapping[str, Setting]]

# For the number of dimensions that a window slides along, what an absent attribute stands for.
# Source: ONNX, and the initial values in ESP-DL's `deserialize` functions.
DEFAULTS: Mapping[str, Defaults] = {
    "AveragePool": lambda n: {"pads": (0,) * 2 * n, "strides": (1,) * n},
    "Conv": lambda n: {
        "activation": "Linear",
        "dilations": (1,) * n,
        "group": 1,
        "pads": (0,) * 2 * n,
        "strides": (1,) * n,
    },
    "DepthToSpace": lambda _: {"mode": "DCR"},
    "Elu": lambda _: {"alpha": 1.0},
    "Flatten": lambda _: {"axis": 1},
    "Gather": lambda _: {"axis": 0},
    "Gemm": lambda _: {"activation": "Linear", "transA": 0, "transB": 0},
    "HardSigmoid": lambda _: {"alpha": 0.2, "beta": 0.5},
    "InsertZeros": lambda n: {"output_padding": (0,) * n, "stride": (1,) * n},
    "LayerNormalization": lambda _: {"axis": -1, "epsilon": 1e-5, "stash_type": 1},
    "LeakyRelu": lambda _: {"alpha": 0.01},
    "LogSoftmax": lambda _: {"axis": -1},
    "MatMul": lambda _: {"activation": "Linear"},
    "MaxPool": lambda n: {"pads": (0,) * 2 * n, "strides": (1,) * n},
    "Pad": lambda _: {"mode": "constant"},
    "Reshape": lambda _: {"allowzero": 0},
    "Resize": lambda _: {"coordinate_transformation_mode": "half_pixel", "mode": "nearest"},
    "Softmax": lambda _: {"axis": -1},
    "Split": lambda _: {"axis": 0},
    "StreamingCache": lambda _: {"frame_axis": 1, "window_size": 1},
    **dict.fromkeys(REDUCTIONS, lambda _: {"keepdims": 1, "noop_with_empty_axes": 0}),
}


def rewritten(file: File, chip: Chip) -> Model:
    """The model of a file, for a chip that it was made for.

    Refused where ESP-DL's runtime cannot run a node, or it contradicts its tensors.
    """
    program_of(file, chip, apart=False)
    graph = file.model.graph
    taken: set[str] = set()
    nodes = tuple(_node(node, graph, file.where, taken) for node in graph.nodes)
    model = dataclasses.replace(file.model, graph=dataclasses.replace(graph, nodes=nodes))
    plain = dataclasses.replace(model, metadata={})
    model_id = hashlib.sha256(chip.name.encode() + payload_of(plain)).hexdigest()[:16]
    metadata = {**model.metadata, **metadata_of(chip, model_id)}
    return dataclasses.replace(
        model,
        metadata=dict(sorted(metadata.items())),
        producer_name=model.producer_name or TOOL,
    )


def _node(node: Node, graph: Graph, where: str, taken: set[str]) -> Node:
    """The node with all its attributes, and under a name of its own, by which it is found."""
    _check(node, where)
    first = graph.values.get(node.inputs[0]) if node.inputs else None
    spatial = max(len(first.shape) - 2, 1) if first is not None and first.shape else 2
    defaults = DEFAULTS[node.op_type](spatial) if node.op_type in DEFAULTS else {}
    added = {k: attribute(k, v) for k, v in {**defaults, "quant_type": "S8"}.items()}
    attributes = {k: _from_front(a) for k, a in {**added, **node.attributes}.items()}
    name = unused(node.name or node.first_output or node.op_type, taken)
    taken.add(name)
    return dataclasses.replace(node, attributes=dict(sorted(attributes.items())), name=name)


def _from_front(found: Attribute) -> Attribute:
    """The axes of a transpose counted from the front."""
    axes = found.value
    if found.name != "perm" or not isinstance(axes, tuple):
        return found
    counted = tuple(int(axis) % len(axes) for axis in axes if isinstance(axis, int))
    return dataclasses.replace(found, value=counted)


def _check(node: Node, where: str) -> None:
    quant_type = node.attributes.get("quant_type")
    if node.op_type not in REGISTERED:
        refusal = dataclasses.replace(NOT_REGISTERED, found=node.op_type)
        refuse(refusal, f"{where}, {node.label}")
    if quant_type is not None and quant_type.value not in QUANT_TYPES:
        raise ModelError(
            "ESP-DL v3.3.9 has no kernels for this type of quantization",
            where=f"{where}, {node.label}",
            found=quant_type.value,
            allowed=", ".join(QUANT_TYPES),
            try_="save_espdl of the compiled network, which widens 8-bit weights of 16-bit data",
        )
