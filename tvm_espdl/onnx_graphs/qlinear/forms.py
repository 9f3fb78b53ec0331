"""The table of integer operators: where each has its operands, and which float operator it is.

Must never rewrite anything; sources are ONNX's operator documents and onnxruntime's
`ContribOperators.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from onnx import NodeProto

from ..graph import STANDARD, attribute
from .names import MICROSOFT

#: Positions of integers, scale and zero point among a node's inputs.
Triple = tuple[int, int, int]

_Axis = Callable[[NodeProto, int], int]


@dataclass(frozen=True)
class Form:
    """One integer operator."""

    #: The float operator between DequantizeLinear and QuantizeLinear.
    operator: str
    #: Tuple of (int, int, int): the integer operands, in the order of the float operator's inputs.
    operands: tuple[Triple, ...]
    #: Positions of the result's scale and zero point.
    output: tuple[int, int]
    #: Position of an int32 bias, whose scale is the product of those of the first two operands.
    bias: int | None = None
    #: Positions of inputs that are no integers, and stand before the operands.
    plain: tuple[int, ...] = ()
    #: From the node and the rank of operand 1: its axis of channels.
    weight_axis: _Axis | None = None
    #: Attributes that only the integer operator has.
    dropped: tuple[str, ...] = ()


def _gemm_axis(node: NodeProto, _: int) -> int:
    return 0 if attribute(node, "transB", 0) else 1


_ONE, _TWO = ((0, 1, 2),), ((0, 1, 2), (3, 4, 5))

_STANDARD_FORMS: dict[str, Form] = {
    "QLinearConv": Form("Conv", _TWO, (6, 7), 8, weight_axis=lambda *_: 0),
    "QLinearMatMul": Form("MatMul", _TWO, (6, 7), weight_axis=lambda _, rank: rank - 1),
}

_MICROSOFT_FORMS: dict[str, Form] = {
    **{f"QLinear{name}": Form(name, _TWO, (6, 7)) for name in ("Add", "Mul")},
    **{f"QLinear{name}": Form(name, _ONE, (3, 4)) for name in ("Sigmoid", "LeakyRelu")},
    "QLinearSoftmax": Form("Softmax", _ONE, (3, 4), dropped=("opset",)),
    **{
        f"QLinear{name}": Form(name, _ONE, (3, 4), dropped=("channels_last",))
        for name in ("AveragePool", "GlobalAveragePool")
    },
    "QLinearReduceMean": Form("ReduceMean", _ONE, (3, 4)),
    "QGemm": Form("Gemm", _TWO, (7, 8), 6, weight_axis=_gemm_axis),
    "QLinearWhere": Form("Where", ((1, 2, 3), (4, 5, 6)), (7, 8), plain=(0,)),
}

#: Operators that hand integers on as they are, and how many of their first inputs hold data.
MOVERS: dict[str, int | None] = {
    **dict.fromkeys(("MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"), 1),
    **dict.fromkeys(("Slice", "Split", "Gather", "GatherElements", "GatherND", "Expand"), 1),
    **dict.fromkeys(("Tile", "Identity", "DepthToSpace", "SpaceToDepth", "Resize", "Pad"), 1),
    **dict.fromkeys(("ReduceMax", "ReduceMin"), 1),
    **dict.fromkeys(("Concat", "Max", "Min"), None),
}

#: As the old flow writes them, on integers whose zero point is 0; how many inputs hold data.
AT_ZERO: dict[str, int | None] = {"Relu": 1, "Add": None}

#: Operators that read integers and give something that is no quantized tensor.
READERS = ("ArgMax", "ArgMin", "Shape", "Size")

#: Operators that cannot be written with constant scales, and why.
REFUSED: dict[str, str] = {
    "DynamicQuantizeLinear": "its scale is computed at run time, the chip's are constants",
    **dict.fromkeys(
        ("ConvInteger", "MatMulInteger"),
        "its int32 result is scaled at run time, the chip's scales are constants",
    ),
    "DynamicQuantizeMatMul": "its scale is computed at run time, the chip's are constants",
    "DynamicQuantizeLSTM": "its scales are computed at run time, the chip's are constants",
    "MatMulIntegerToFloat": "its operands are scaled at run time, the chip's scales are constants",
}

# onnxruntime's own operators on integers whose names begin otherwise than with QLinear.
_OTHERS = ("QAttention", "QEmbedLayerNormalization", "QMoE", "MatMulNBits", "NhwcMaxPool")


def form_of(node: NodeProto) -> Form | None:
    """The form of an integer operator; None for a node that is none, or an unknown one."""
    if node.op_type == "QLinearConcat" and node.domain == MICROSOFT:
        triples = tuple((p, p + 1, p + 2) for p in range(2, len(node.input), 3))
        return Form("Concat", triples, (0, 1))
    if node.domain in STANDARD:
        return _STANDARD_FORMS.get(node.op_type)
    return _MICROSOFT_FORMS.get(node.op_type) if node.domain == MICROSOFT else None


def is_integer_operator(node: NodeProto) -> bool:
    """Whether the node computes on quantized integers, known to us or not."""
    name = node.op_type
    if node.domain not in (*STANDARD, MICROSOFT):
        return False
    return (
        name.startswith(("QLinear", "QOrdered"))
        or name in REFUSED
        or name in _OTHERS
        or form_of(node) is not None
    )


def known_operators() -> list[str]:
    """Names of the integer operators that can be rewritten."""
    return [*_STANDARD_FORMS, *_MICROSOFT_FORMS, "QLinearConcat"]
