"""For each rule of the quantizer a small float network in which it is all that matters.

Must never know how anything is quantized: a case says what goes in, and what has to come out.
"""

from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto, TensorProto
from qdq_networks import floats, node

from tvm_espdl.ops.base.broadcast import Broadcast
from tvm_espdl.ops.base.pointwise import Pointwise
from tvm_espdl.ops.base.reduction import Reduction
from tvm_espdl.ops.base.registry import declared

MAPS = (1, 16, 6, 6)
SEQUENCE = (5, 1, 16)


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes
    ----------
    nodes : list of NodeProto
        They read `x`, `x2`... and make `y`.
    shapes : dict
        Of the inputs.
    constants : dict
        By name.
    floors : (float, float)
        The least SNR of the outputs in dB in int8 and in int16; where it is below the usual one,
        the case says why. One exponent beside the best costs 6 dB, or more where values saturate.
    steps : float
        How far onnxruntime's result may be from the library's, in steps of the output's integers.
    grain : (float, float)
        The least such step that is counted with, in int8 and in int16.
    low : float
        The least value of the inputs, which are normally distributed.
    on_tvm : tuple of str
        Types of nodes that TVM computes.
    int8_only : bool
        Whether ESP-DL has it in int8 only.
    cells : tuple of str
        Outputs that are int16 in any case, as they are called in the network of all.
    """

    nodes: list[NodeProto]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=lambda: {"x": MAPS})
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    floors: tuple[float, float] = (30.0, 65.0)
    steps: float = 1.0
    grain: tuple[float, float] = (0.0, 0.0)
    low: float = -np.inf
    on_tvm: tuple[str, ...] = ()
    int8_only: bool = False
    cells: tuple[str, ...] = ()


def divided(given):
    """Attributes of a node, and fields of a case."""
    fields = Case.__dataclass_fields__
    of_case = {name: value for name, value in given.items() if name in fields}
    return {name: value for name, value in given.items() if name not in fields}, of_case


def unary(operator, **given):
    attributes, of_case = divided(given)
    return Case([node(operator, "x", "y", **attributes)], **of_case)


def binary(operator, **given):
    attributes, of_case = divided(given)
    shapes = {"x": MAPS, "x2": MAPS}
    return Case([node(operator, "x x2", "y", **attributes)], shapes, **of_case)


def behind(operator, *operands, outputs="y", shapes=None, **given):
    """Behind a function: what only moves is quantized, and int16, because of what it reads."""
    attributes, of_case = divided(given)
    constants = {f"c{place}": np.asarray(value) for place, value in enumerate(operands)}
    nodes = [
        node("LeakyRelu", "x", "e", alpha=0.3),
        node(operator, " ".join(("e", *constants)), outputs, **attributes),
    ]
    return Case(nodes, shapes or {"x": MAPS}, constants, **of_case)


def reduced(operator, **given):
    axes = {"axes": np.array([1])}
    return Case([node(operator, "x axes", "y", keepdims=1)], constants=axes, **given)


def compared(operator, names, limit):
    """Two functions of one input, of which one is a number beyond zero; then with a number."""
    nodes = [
        node("LeakyRelu", "x", "leaky", alpha=0.3),
        node("Relu", "x", "f"),
        node(operator, names, "t"),
        node(operator, "f limit", "u"),
        node("Cast", "t", "y", to=TensorProto.FLOAT),
        node("Where", "u f leaky", "y2"),
    ]
    nodes[3].name = "limited"
    # Noise is the share of truth values that rounding turns over.
    constants = {"limit": np.float32(limit)}
    # The other results are numbers, in steps of the functions.
    grain, on_tvm = (2.0**-5, 2.0**-12), ("Cast", "Where")
    return Case(nodes, constants=constants, floors=(12.0, 25.0), grain=grain, on_tvm=on_tvm)


def layer(operator, gates, results, *, directions=1, states=(), **given):
    hidden, rng = 8, np.random.default_rng(5)
    rows = gates * hidden
    scale = {"w": (directions, rows, 16), "r": (directions, rows, hidden)}
    constants = {name: rng.normal(0, 0.3, shape) for name, shape in scale.items()}
    constants["b"] = rng.normal(0, 0.3, (directions, 2 * rows))
    constants = {name: value.astype(np.float32) for name, value in constants.items()}
    shapes = {"x": SEQUENCE, **{name: (directions, 1, hidden) for name in states}}
    attributes = {"hidden_size": hidden}
    if operator == "GRU":
        attributes["linear_before_reset"] = 1
    if directions == 2:
        attributes["direction"] = b"bidirectional"
    made = node(operator, " ".join(("x", "w", "r", "b")), results, **attributes)
    made.input.extend(["", *states])
    # Sums of gates are multiples of 2**-9 in the kernel, also in int16, and what is rounded goes
    # into the next step.
    grain = (2.0**-7, 2.0**-9)
    return Case([made], shapes, constants, floors=(27.0, 50.0), steps=3.0, grain=grain, **given)


def convolution(operator="Conv", *, shape=MAPS, kernel=(3, 3), group=1, **attributes):
    into = shape[1] if operator == "ConvTranspose" else shape[1] // group
    weight = floats(16, into, *kernel, seed=7, scale=0.1)
    made = node(operator, "x w b", "y", group=group, **attributes)
    return Case([made], {"x": shape}, {"w": weight, "b": floats(16, seed=8, scale=0.1)})


def resized(mode, coordinates):
    scales = np.array([1, 1, 2, 2], np.float32)
    nodes = [
        node("LeakyRelu", "x", "e", alpha=0.3),
        node(
            "Resize",
            "e",
            "y",
            mode=mode,
            coordinate_transformation_mode=coordinates,
            nearest_mode="floor",
        ),
    ]
    nodes[1].input.extend(["", "scales"])
    return Case(nodes, constants={"scales": scales}, int8_only=True)


def between_convolutions(operator, *operands, **given):
    """Behind a convolution, so that what can join its kernel does, and before another one."""
    attributes, of_case = divided(given)
    constants = {f"c{place}": np.asarray(value) for place, value in enumerate(operands)}
    nodes = [
        node("Conv", "x w v", "e"),
        node(operator, " ".join(("e", *constants)), "f", **attributes),
        node("Conv", "f u", "y"),
    ]
    constants |= {"w": floats(16, 16, 1, 1, seed=5), "v": floats(16, seed=6)}
    constants["u"] = floats(16, 16, 1, 1, seed=7, scale=0.2)
    return Case(nodes, {"x": MAPS}, constants, **of_case)


ZERO, SIX = np.float32(0), np.float32(6)
ONES = np.ones(6, np.float32)
FLAT = {"x": (1, 24)}

#: By operator type; further networks of a type have more behind a colon.
CASES = {
    "Conv": convolution(pads=[1, 1, 1, 1]),
    "Conv: depthwise": convolution(group=16, pads=[1, 1, 1, 1]),
    "Conv: signals": convolution(shape=(1, 16, 12), kernel=(3,)),
    "Conv: depthwise signals": convolution(shape=(1, 16, 12), kernel=(3,), group=16),
    "ConvTranspose": convolution("ConvTranspose", strides=[2, 2]),
    "Gemm": Case(
        [node("Gemm", "x w b", "y", transB=1)],
        FLAT,
        {"w": floats(16, 24, scale=0.2), "b": floats(16, scale=0.2)},
    ),
    "MatMul": Case(
        [node("MatMul", "x w", "y")], {"x": (1, 5, 24)}, {"w": floats(24, 16, scale=0.2)}
    ),
    "MatMul: of two": Case([node("MatMul", "x x2", "y")], {"x": (1, 5, 24), "x2": (1, 24, 16)}),
    "Sum": binary("Sum"),
    # Its first sum is rounded as well, and either may be at a tie.
    "Sum: of three": Case([node("Sum", "x x2 x", "y")], {"x": MAPS, "x2": MAPS}, steps=2.0),
    "Concat": Case(
        [node("LeakyRelu", "x", "e", alpha=0.3), node("Concat", "e x2", "y", axis=1)],
        {"x": MAPS, "x2": MAPS},
    ),
    "Mul": binary("Mul", floors=(28.0, 65.0)),
    "Div": binary("Div", low=0.5),
    "Pow": Case([node("Pow", "x two", "y")], constants={"two": np.float32(2)}),
    # A remainder jumps where rounding carries its operand over a multiple.
    "Mod": binary("Mod", fmod=1, low=0.5, floors=(12.0, 25.0)),
    "PRelu": behind("PRelu", floats(16, 1, 1, seed=3, scale=0.2)),
    "ScatterND": Case(
        [node("ScatterND", "x i x2", "y")],
        {"x": (1, 4, 6), "x2": (1, 2, 6)},
        {"i": np.array([[[0, 1], [0, 3]]])},
    ),
    "Clip": behind("Clip", np.float32(-0.25), np.float32(1.5)),
    "Clip: up to 6": between_convolutions("Clip", ZERO, SIX),
    "Clip: up to what int8 holds": between_convolutions("Clip", ZERO, np.float32(127 / 32)),
    "Clip: on both sides": between_convolutions("Clip", -SIX, SIX),
    "Min: up to 6": between_convolutions("Min", SIX),
    "Max: from -6": between_convolutions("Max", -SIX),
    "HardSwish: between convolutions": between_convolutions("HardSwish"),
    "Relu: between convolutions": between_convolutions("Relu"),
    "Softmax": behind("Softmax", axis=1, grain=(2.0**-8, 2.0**-15)),
    "LogSoftmax": behind("LogSoftmax", axis=1, grain=(2.0**-4, 2.0**-11)),
    "AveragePool": unary("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
    "GlobalAveragePool": unary("GlobalAveragePool"),
    "ReduceProd": Case(
        [node("ReduceProd", "x axes", "y", keepdims=1)],
        {"x": (1, 4, 6, 6)},
        {"axes": np.array([1])},
        floors=(27.0, 62.0),
        low=0.5,
    ),
    "ReduceLogSum": reduced("ReduceLogSum", low=0.5),
    "Swish: spelled out": Case([node("Sigmoid", "x", "s"), node("Mul", "x s", "y")]),
    "LeakyRelu": unary("LeakyRelu", alpha=0.1),
    # In int16 a table of 12 bits.
    "Gelu": unary("Gelu", floors=(30.0, 52.0), grain=(0.0, 2.0**-8)),
    # Few values are as large as the largest.
    "Exp": unary("Exp", floors=(19.0, 55.0)),
    "Log": unary("Log", low=0.5),
    "Sqrt": unary("Sqrt", low=0.5),
    "Softplus": unary("Softplus", floors=(30.0, 52.0), grain=(0.0, 2.0**-8)),
    "LayerNormalization": Case(
        [node("LayerNormalization", "x s b", "y")], constants={"s": ONES, "b": 0 * ONES}
    ),
    "RMSNormalization": Case([node("RMSNormalization", "x s", "y")], constants={"s": ONES}),
    "LpNormalization": unary("LpNormalization", axis=-1, p=2),
    "MaxPool": behind("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    "GlobalMaxPool": behind("GlobalMaxPool"),
    "Reshape": behind("Reshape", [1, 8, 72]),
    "Flatten": behind("Flatten"),
    "Transpose": behind("Transpose", perm=[0, 2, 3, 1]),
    "Squeeze": behind("Squeeze", [0]),
    "Unsqueeze": behind("Unsqueeze", [1]),
    "Slice": behind("Slice", [1], [5], [2]),
    "Split": behind("Split", outputs="y y2", axis=1, num_outputs=2),
    "Pad": behind("Pad", [0, 0, 1, 1, 0, 0, 1, 1]),
    "Gather": behind("Gather", [0, 3, 2], axis=2),
    "Expand": behind("Expand", [1, 16, 6, 6], shapes={"x": (1, 16, 1, 6)}),
    "Tile": behind("Tile", [1, 1, 2, 1]),
    "Identity": behind("Identity"),
    "DepthToSpace": behind("DepthToSpace", blocksize=2, mode="CRD"),
    "SpaceToDepth": behind("SpaceToDepth", blocksize=2, shapes={"x": (1, 1, 6, 6)}),
    "ReverseSequence": behind(
        "ReverseSequence", [3], batch_axis=0, time_axis=1, shapes={"x": (1, 5, 6)}
    ),
    "Resize": resized("nearest", "asymmetric"),
    "Resize: linear": resized("linear", "half_pixel"),
    "Equal": compared("Equal", "leaky f", 0),
    "Greater": compared("Greater", "f leaky", 0.5),
    "GreaterOrEqual": compared("GreaterOrEqual", "leaky f", 0.5),
    "Less": compared("Less", "leaky f", 0.5),
    "LessOrEqual": compared("LessOrEqual", "f leaky", 0.5),
    "GRU": layer("GRU", 3, "y"),
    "GRU: last state": layer("GRU", 3, " y", states=("x2",)),
    "GRU: bidirectional": layer("GRU", 3, "y y2", directions=2),
    "LSTM": layer("LSTM", 4, "y"),
    "LSTM: with its states": layer(
        "LSTM", 4, "y y2 y3", states=("x2", "x3"), cells=("LSTM: with its states/y3",)
    ),
}
CASES["GRU: last state"].nodes[0].output[:] = ["", "y"]


def ordinary(kind):
    """The network of an operator whose form says all that matters."""
    form = kind.form
    if issubclass(kind, Reduction):
        moved = form.exponents == "share"
        return behind(form.onnx, [1], keepdims=1) if moved else reduced(form.onnx)
    if issubclass(kind, Broadcast):
        return binary(form.onnx, **dict(form.fixed))
    if issubclass(kind, Pointwise) and form.exponents == "own":
        # A function of integers may jump where rounding carries its input over a step.
        return unary(form.onnx, floors=(12.0, 25.0))
    return unary(form.onnx) if form.exponents == "own" else behind(form.onnx)


CASES |= {kind.form.onnx: ordinary(kind) for kind in declared() if kind.form.onnx not in CASES}
