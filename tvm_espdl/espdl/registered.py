"""Which nodes ESP-DL v3.3.9 can run. Source: `dl/module/include/dl_module_creator.hpp`.

It names types only; what a node may have is said by the rules of its operator.
"""

from __future__ import annotations

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
