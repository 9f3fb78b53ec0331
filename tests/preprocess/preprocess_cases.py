"""Small networks for each step of preprocessing, with their operators before and after it."""

import numpy as np
from onnx import TensorProto
from qdq_networks import floats, network, node

SHAPE = (1, 4, 6, 6)
X = {"x": SHAPE}
W = {"w": floats(4, 4, 3, 3), "b": floats(4)}
NORM = {
    "g": floats(4, seed=1),
    "h": floats(4, seed=2),
    "m": floats(4, seed=3),
    "v": np.abs(floats(4, seed=4)) + np.float32(0.1),
}
THREE, SIX, SIXTH = np.float32(3), np.float32(6), np.float32(1 / 6)
SWISH = {"three": THREE, "zero": np.float32(0), "six": SIX, "sixth": SIXTH, "minus": -THREE}
GELU = {
    "root": np.float32(np.sqrt(2)),
    "inverse": np.float32(np.sqrt(0.5)),
    "one": np.float32(1),
    "half": np.float32(0.5),
    "two": np.float32(2),
    "cubic": np.float32(0.044715),
    "slope": np.float32(np.sqrt(2 / np.pi)),
    "cube": np.float32(3),
    "other": np.float32(0.51),
}
ERF = [node("Div", "x root", "u"), node("Erf", "u", "t"), node("Add", "t one", "g")]
TANH = [
    node("Pow", "x cube", "x3"),
    node("Mul", "cubic x3", "c"),
    node("Add", "x c", "p"),
    node("Mul", "slope p", "u"),
    node("Tanh", "u", "t"),
    node("Add", "one t", "g"),
]
LAYER = {
    "two": np.float32(2),
    "e": np.float32(1e-5),
    "one": np.float32(1),
    "s": floats(6, seed=5),
    "b": floats(6, seed=6),
    "wide": floats(4, 1, 1, seed=5),
}
MEAN = [node("ReduceMean", "x", "m", axes=[-1]), node("Sub", "x m", "d")]
ROOT = [node("Add", "v e", "ve"), node("Sqrt", "ve", "r")]
NORMED = [*MEAN, node("Pow", "d two", "q"), node("ReduceMean", "q", "v", axes=[-1]), *ROOT]
NORMS = "ReduceMean Sub Pow ReduceMean Add Sqrt"
# As JAX writes it: sums for means, the variance as a difference of moments, axes taken away.
MOMENTS = [
    node("ReduceSum", "x axes", "sx", keepdims=0),
    node("Mul", "sx share", "m"),
    node("Mul", "x x", "q"),
    node("ReduceSum", "q axes", "sq", keepdims=0),
    node("Mul", "share sq", "mq"),
    node("Mul", "m m", "mm"),
    node("Sub", "mq mm", "v"),
]
ROOT_OF_MOMENTS = [
    node("Reshape", "vc kept", "vk"),
    node("Add", "vk e", "ve"),
    node("Sqrt", "ve", "r"),
    node("Reciprocal", "r", "i"),
    node("Reshape", "m kept", "mk"),
    node("Sub", "x mk", "d"),
]
SCALED = [*MOMENTS, node("Relu", "v", "vc"), *ROOT_OF_MOMENTS, node("Mul", "i s", "g"),
          node("Mul", "d g", "n"), node("Add", "n b", "y")]  # fmt: skip
MOMENTS_OF = "ReduceSum Mul Mul ReduceSum Mul Mul Sub"
ROOTED = "Reshape Add Sqrt Reciprocal Reshape Sub"


def moments(axis, share=None):
    """Constants of a layer over one axis of `SHAPE`; the share of each element is `share`."""
    extents = [SHAPE[axis] if i == axis % 4 else 1 for i in range(4)]
    return {
        "axes": np.array([axis], np.int64),
        "share": np.float32(1 / SHAPE[axis] if share is None else share),
        "kept": np.array([1 if i == axis % 4 else n for i, n in enumerate(SHAPE)], np.int64),
        "e": np.float32(1e-3),
        "s": floats(*extents, seed=5),
        "b": floats(*extents, seed=6),
    }


GATE = [node("Add", "x three", "a"), node("Clip", "a zero six", "c")]


def graph(nodes, constants=None, shape=SHAPE, inputs=None, opset=14, **outputs):
    return network(nodes, inputs or X, {"y": shape, **outputs}, constants, opset=opset)


def ints(*values):
    return np.array(values, dtype=np.int64)


def conv(*after, **attributes):
    return [node("Conv", "x w b", "t", **attributes), *after]


PADS = {"pads": ints(0, 0, 1, 2, 0, 0, 0, 1)}
PERM, BACK = [0, 2, 3, 1], [0, 3, 1, 2]

# Dilation as TensorFlow has it: phases, a convolution of each, and the phases together again.
PHASES = [
    node("Transpose", "x", "cnhw", perm=[1, 0, 2, 3]), node("Pad", "cnhw round", "p"),
    node("SpaceToDepth", "p", "s", blocksize=2),
    node("Transpose", "s", "phases", perm=[1, 0, 2, 3]), node("Conv", "phases w b", "c"),
    node("Transpose", "c", "t", perm=[1, 0, 2, 3]), node("DepthToSpace", "t", "d", blocksize=2),
    node("Transpose", "d", "y", perm=[1, 0, 2, 3]),
]  # fmt: skip

# step -> name -> (model, operators without the step, operators with it).
CASES = {
    "constants_to_initializers": {
        "value": (
            graph([node("Constant", "", "k", value_float=2.0), node("Mul", "x k", "y")]),
            "Constant Mul", "Mul",
        ),
    },
    "dilated_conv": {
        "space to depth": (
            graph(PHASES, {**W, "round": ints(0, 0, 2, 2, 0, 0, 2, 2)}),
            "Transpose Pad SpaceToDepth Transpose Conv Transpose DepthToSpace Transpose", "Conv",
        ),
        "padded by other numbers": (
            graph([*PHASES[:1], node("Pad", "cnhw round one", "p"), *PHASES[2:]],
                  {**W, "round": ints(0, 0, 2, 2, 0, 0, 2, 2), "one": np.float32(1)}),
            "Transpose Pad SpaceToDepth Transpose Conv Transpose DepthToSpace Transpose",
            "Transpose Pad SpaceToDepth Transpose Conv Transpose DepthToSpace Transpose",
        ),
        "read elsewhere": (
            graph([*PHASES, node("Relu", "phases", "z")],
                  {**W, "round": ints(0, 0, 2, 2, 0, 0, 2, 2)}, z=(4, 4, 5, 5)),
            "Transpose Pad SpaceToDepth Transpose Conv Transpose DepthToSpace Transpose Relu",
            "Transpose Pad SpaceToDepth Transpose Conv Transpose DepthToSpace Transpose Relu",
        ),
    },
    "fold_constants": {
        # What torch.onnx writes for x.view(x.size(0), -1).
        "view": (
            graph(
                [node("Shape", "x", "s"), node("Gather", "s i", "n", axis=0),
                 node("Unsqueeze", "n a", "u"), node("Concat", "u r", "t", axis=0),
                 node("Reshape", "x t", "y")],
                {"i": np.int64(0), "a": ints(0), "r": ints(-1)}, (1, 144),
            ),
            "Shape Gather Unsqueeze Concat Reshape", "Reshape",
        ),
        # What torch.onnx writes for chunk: limits computed from the shape.
        "slice": (
            graph(
                [node("Shape", "x", "s"), node("Gather", "s i", "n", axis=0),
                 node("Add", "n i", "m"), node("Div", "m two", "d"), node("Mul", "d i", "e"),
                 node("Slice", "x zero e i", "y")],
                {"i": ints(1), "two": ints(2), "zero": ints(0)}, (1, 2, 6, 6),
            ),
            "Shape Gather Add Div Mul Slice", "Slice",
        ),
        "split": (
            graph(
                [node("Add", "one one", "two"), node("Concat", "two two", "s", axis=0),
                 node("Split", "x s", "y z", axis=1)],
                {"one": ints(1)}, (1, 2, 6, 6), z=(1, 2, 6, 6),
            ),
            "Add Concat Split:2", "Split:2",
        ),
        "cast like an input": (
            graph([node("CastLike", "k x", "c"), node("Mul", "x c", "y")], {"k": np.int64(3)},
                  opset=15),
            "CastLike Mul", "Mul",
        ),
        "constant of shape": (
            graph(
                [node("ConstantOfShape", "s", "k"), node("Exp", "k", "e"), node("Add", "x e", "y")],
                {"s": ints(6)},
            ),
            "ConstantOfShape Exp Add", "Add",
        ),
    },
    "remove_no_ops": {
        "identity and dropout": (
            graph([node("Identity", "x", "a"), node("Dropout", "a", "b"), node("Neg", "b", "y")]),
            "Identity Dropout Neg", "Neg",
        ),
        "casts": (
            graph([node("Cast", "x", "a", to=TensorProto.FLOAT), node("Neg", "a", "y")]),
            "Cast Neg", "Neg",
        ),
        "reshapes": (
            graph(
                [node("Reshape", "x s", "a"), node("Slice", "a z e", "b"), node("Neg", "b", "c"),
                 node("Transpose", "c", "d", perm=[0, 1, 2, 3]), node("Pad", "d p", "y")],
                {"s": ints(1, 4, 6, 6), "z": ints(0), "e": ints(9), "p": ints(*[0] * 8)},
            ),
            "Reshape Slice Neg Transpose Pad", "Neg",
        ),
        "arithmetic": (
            graph(
                [node("Add", "x z", "a"), node("Sub", "a z", "b"), node("Neg", "b", "c"),
                 node("Mul", "c o", "d"), node("Div", "d o", "e"), node("Sum", "e", "y")],
                {"z": np.zeros((4, 1, 1), np.float32), "o": np.float32(1)},
            ),
            "Add Sub Neg Mul Div Sum", "Neg",
        ),
        "what only looks like it": (
            graph(
                [node("Slice", "x l f a s", "p"), node("Cast", "p", "i", to=TensorProto.INT32),
                 node("Cast", "i", "q", to=TensorProto.FLOAT), node("Add", "q z", "y")],
                {"l": ints(-1), "f": ints(-9), "a": ints(3), "s": ints(-1),
                 "z": np.zeros((2, 1, 1, 1), np.float32)},
                (2, 4, 6, 6),
            ),
            "Slice Cast Cast Add", "Slice Cast Cast Add",
        ),
    },
    "drop_unread_outputs": {
        "indices": (
            graph([node("MaxPool", "x", "y i", kernel_shape=[3, 3], pads=[1, 1, 1, 1])]),
            "MaxPool:2", "MaxPool",
        ),
        "read": (
            graph(
                [node("MaxPool", "x", "m i", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
                 node("Cast", "i", "f", to=TensorProto.FLOAT), node("Add", "m f", "y")]
            ),
            "MaxPool:2 Cast Add", "MaxPool:2 Cast Add",
        ),
        "split": (
            graph([node("Split", "x", "y unread", axis=1)], None, (1, 2, 6, 6)),
            "Split:2", "Split:2",
        ),
    },
    "cancel_transposes": {
        "inverse": (
            graph([node("Transpose", "x", "a", perm=PERM), node("Transpose", "a", "b", perm=BACK),
                   node("Neg", "b", "y")]),
            "Transpose Transpose Neg", "Neg",
        ),
        "others": (
            graph([node("Transpose", "x", "a", perm=PERM), node("Transpose", "a", "b", perm=PERM),
                   node("Neg", "b", "y")], None, (1, 6, 4, 6)),
            "Transpose Transpose Neg", "Transpose Neg",
        ),
        "two readers": (
            graph([node("Transpose", "x", "a", perm=PERM), node("Transpose", "a", "b", perm=PERM),
                   node("Neg", "b", "y"), node("Neg", "a", "z")], None, (1, 6, 4, 6),
                  z=(1, 6, 6, 4)),
            "Transpose Transpose Neg Neg", "Transpose Transpose Neg Neg",
        ),
        "to the output": (
            graph([node("Neg", "x", "n"), node("Transpose", "n", "a", perm=PERM),
                   node("Transpose", "a", "y", perm=BACK)]),
            "Neg Transpose Transpose", "Neg",
        ),
    },
    "pair_up": {
        "of three": (
            graph(
                [node("Sum", "x x x", "a"), node("Max", "a x x", "b"), node("Min", "b a x", "y")]
            ),
            "Sum Max Min", "Add Add Max Max Min Min",
        ),
        "of two": (graph([node("Sum", "x x", "a"), node("Max", "a x", "y")]), "Sum Max", "Sum Max"),
    },
    "merge_clips": {
        "relu6 of TensorFlow": (
            graph([node("Relu", "x", "a"), node("Min", "a six", "y")], SWISH), "Relu Min", "Clip",
        ),
        "relus": (graph([node("Relu", "x", "a"), node("Relu", "a", "y")]), "Relu Relu", "Relu"),
        "clip, relu, clip": (
            graph([node("Clip", "x minus three", "a"), node("Relu", "a", "b"),
                   node("Clip", "b  ", "y")], SWISH),
            "Clip Relu Clip", "Clip",
        ),
        "beside each other": (
            graph([node("Clip", "x minus zero", "a"), node("Clip", "a three six", "y")], SWISH),
            "Clip Clip", "Clip",
        ),
        "max": (graph([node("Max", "zero x", "y")], SWISH), "Max", "Relu"),
        "no upper limit": (
            graph([node("Max", "x minus", "a"), node("Max", "three a", "y")], SWISH),
            "Max Max", "Clip",
        ),
        "per channel": (
            graph([node("Relu", "x", "a"), node("Min", "a k", "y")], {"k": floats(4, 1, 1)}),
            "Relu Min", "Relu Min",
        ),
        "two readers": (
            graph([node("Clip", "x minus three", "a"), node("Relu", "a", "b"),
                   node("Add", "a b", "y")], SWISH),
            "Clip Relu Add", "Clip Relu Add",
        ),
        "an output between": (
            graph([node("Clip", "x minus three", "z"), node("Relu", "z", "y")], SWISH, z=SHAPE),
            "Clip Relu", "Clip Relu",
        ),
    },
    "hard_sigmoid": {
        "divided": (
            graph([*GATE, node("Div", "c six", "y")], SWISH), "Add Clip Div", "HardSigmoid",
        ),
        "multiplied": (
            graph([node("Sub", "x minus", "a"), node("Clip", "a zero six", "c"),
                   node("Mul", "sixth c", "y")], SWISH),
            "Sub Clip Mul", "HardSigmoid",
        ),
        "Keras": (
            graph([node("Mul", "slope x", "m"), node("Add", "half m", "a"),
                   node("Clip", "a zero one", "y")],
                  {**SWISH, "slope": np.float32(0.2), "half": np.float32(0.5),
                   "one": np.float32(1)}),
            "Mul Add Clip", "HardSigmoid",
        ),
        "another height": (
            graph([*GATE, node("Div", "c three", "y")], SWISH), "Add Clip Div", "Add Clip Div",
        ),
        "no shift": (
            graph([node("Clip", "x zero six", "c"), node("Div", "c six", "y")], SWISH),
            "Clip Div", "Clip Div",
        ),
    },
    "gelu": {
        "x * g * 0.5": (
            graph([*ERF, node("Mul", "x g", "p"), node("Mul", "p half", "y")], GELU),
            "Div Erf Add Mul Mul", "Gelu",
        ),
        "(0.5 * x) * g": (
            graph([*ERF, node("Mul", "half x", "h"), node("Mul", "h g", "y")], GELU),
            "Div Erf Add Mul Mul", "Gelu",
        ),
        "x * (0.5 * erf + 0.5)": (
            graph(
                [node("Mul", "x inverse", "u"), node("Erf", "u", "t"), node("Mul", "t half", "h"),
                 node("Add", "h half", "g"), node("Mul", "x g", "y")],
                GELU,
            ),
            "Mul Erf Mul Add Mul", "Gelu",
        ),
        "x * g / 2, of a sum": (
            graph(
                [node("Relu", "x", "z"), node("Div", "z root", "u"), node("Erf", "u", "t"),
                 node("Add", "t one", "g"), node("Mul", "g z", "p"), node("Div", "p two", "y")],
                GELU,
            ),
            "Relu Div Erf Add Mul Div", "Relu Gelu",
        ),
        "tanh": (
            graph([*TANH, node("Mul", "half x", "h"), node("Mul", "h g", "y")], GELU),
            "Pow Mul Add Mul Tanh Add Mul Mul", "Gelu",
        ),
        "tanh, x * (1 + c * x * x)": (
            graph(
                [node("Mul", "x x", "x2"), node("Mul", "x2 cubic", "c"), node("Add", "c one", "p"),
                 node("Mul", "x slope", "q"), node("Mul", "q p", "u"), node("Tanh", "u", "t"),
                 node("Add", "t one", "g"), node("Mul", "x g", "z"), node("Mul", "z half", "y")],
                GELU,
            ),
            "Mul Mul Add Mul Mul Tanh Add Mul Mul", "Gelu",
        ),
        "another factor": (
            graph([*ERF, node("Mul", "x g", "p"), node("Mul", "p other", "y")], GELU),
            "Div Erf Add Mul Mul", "Div Erf Add Mul Mul",
        ),
        "the gate alone": (graph([*ERF, node("Mul", "g half", "y")], GELU), "Div Erf Add Mul",
                           "Div Erf Add Mul"),
        "what is read elsewhere stays": (
            graph([*ERF, node("Mul", "x g", "p"), node("Mul", "p half", "y")], GELU, g=SHAPE),
            "Div Erf Add Mul Mul", "Div Erf Add Gelu",
        ),
    },
    "layer_norm": {
        "scale and bias": (
            graph([*NORMED, node("Div", "d r", "n"), node("Mul", "n s", "p"),
                   node("Add", "p b", "y")], LAYER),
            f"{NORMS} Div Mul Add", "LayerNormalization",
        ),
        "neither, by a reciprocal": (
            graph([*NORMED, node("Reciprocal", "r", "i"), node("Mul", "d i", "y")], LAYER),
            f"{NORMS} Reciprocal Mul", "LayerNormalization",
        ),
        "a square as a product, bias first": (
            graph([*MEAN, node("Mul", "d d", "q"), node("ReduceMean", "q", "v", axes=[-1]),
                   *ROOT, node("Div", "d r", "n"), node("Add", "b n", "y")], LAYER),
            "ReduceMean Sub Mul ReduceMean Add Sqrt Div Add", "LayerNormalization",
        ),
        "over channels": (
            graph([node("ReduceMean", "x", "m", axes=[1]), node("Sub", "x m", "d"),
                   node("Pow", "d two", "q"), node("ReduceMean", "q", "v", axes=[1]), *ROOT,
                   node("Div", "d r", "y")], LAYER),
            f"{NORMS} Div", f"{NORMS} Div",
        ),
        "a scale of other axes": (
            graph([*NORMED, node("Div", "d r", "n"), node("Mul", "n wide", "y")], LAYER),
            f"{NORMS} Div Mul", "LayerNormalization Mul",
        ),
        "by moments": (
            graph(SCALED, moments(-1)),
            f"{MOMENTS_OF} Relu {ROOTED} Mul Mul Add", "LayerNormalization",
        ),
        "by moments, of channels": (
            graph(SCALED, moments(1)),
            f"{MOMENTS_OF} Relu {ROOTED} Mul Mul Add", "Transpose LayerNormalization Transpose",
        ),
        "by moments, neither": (
            graph([*MOMENTS, node("Reshape", "v kept", "vk"), *ROOT_OF_MOMENTS[1:],
                   node("Mul", "i d", "y")], moments(2)),
            f"{MOMENTS_OF} {ROOTED} Mul", "Transpose LayerNormalization Transpose",
        ),
        "moments of another share": (
            graph(SCALED, moments(-1, 0.1)),
            f"{MOMENTS_OF} Relu {ROOTED} Mul Mul Add", f"{MOMENTS_OF} Relu {ROOTED} Mul Mul Add",
        ),
        "deviation without e": (
            graph([*MEAN, node("Pow", "d two", "q"), node("ReduceMean", "q", "v", axes=[-1]),
                   node("Sqrt", "v", "r"), node("Add", "r e", "re"), node("Div", "d re", "y")],
                  LAYER),
            "ReduceMean Sub Pow ReduceMean Sqrt Add Div",
            "ReduceMean Sub Pow ReduceMean Sqrt Add Div",
        ),
    },
    "softmax": {
        "without its maximum": (
            graph([node("ReduceMax", "x", "m", axes=[-1]), node("Sub", "x m", "d"),
                   node("Exp", "d", "p"), node("ReduceSum", "p last", "t"),
                   node("Div", "p t", "y")], {"last": ints(-1)}),
            "ReduceMax Sub Exp ReduceSum Div", "Softmax",
        ),
        "plainly, of channels": (
            graph([node("Exp", "x", "p"), node("ReduceSum", "p first", "t", keepdims=0),
                   node("Unsqueeze", "t first", "u"), node("Div", "p u", "y")],
                  {"first": ints(1)}),
            "Exp ReduceSum Unsqueeze Div", "Softmax",
        ),
        "less than something else": (
            graph([node("ReduceMax", "x", "m", axes=[1]), node("Sub", "x m", "d"),
                   node("Exp", "d", "p"), node("ReduceSum", "p last", "t"),
                   node("Div", "p t", "y")], {"last": ints(-1)}),
            "ReduceMax Sub Exp ReduceSum Div", "ReduceMax Sub Softmax",
        ),
        "over two axes": (
            graph([node("Exp", "x", "p"), node("ReduceSum", "p last", "t"),
                   node("Div", "p t", "y")], {"last": ints(-1, -2)}),
            "Exp ReduceSum Div", "Exp ReduceSum Div",
        ),
        "of other powers": (
            graph([node("Exp", "x", "p"), node("Neg", "x", "n"), node("Exp", "n", "q"),
                   node("ReduceSum", "q last", "t"), node("Div", "p t", "y")], {"last": ints(-1)}),
            "Exp Neg Exp ReduceSum Div", "Exp Neg Exp ReduceSum Div",
        ),
    },
    "hard_swish": {
        "x * hard sigmoid": (
            graph([node("HardSigmoid", "x", "s", alpha=1 / 6), node("Mul", "s x", "y")]),
            "HardSigmoid Mul", "HardSwish",
        ),
        "another slope": (
            graph([node("HardSigmoid", "x", "s"), node("Mul", "s x", "y")]),
            "HardSigmoid Mul", "HardSigmoid Mul",
        ),
        "(x * c) / 6": (
            graph([*GATE, node("Mul", "x c", "p"), node("Div", "p six", "y")], SWISH),
            "Add Clip Mul Div", "HardSwish",
        ),
        "1/6 * (c * x)": (
            graph([*GATE, node("Mul", "c x", "p"), node("Mul", "sixth p", "y")], SWISH),
            "Add Clip Mul Mul", "HardSwish",
        ),
        "(x / 6) * c": (
            graph([*GATE, node("Div", "x six", "p"), node("Mul", "p c", "y")], SWISH),
            "Add Clip Div Mul", "HardSwish",
        ),
        "another input": (
            graph([*GATE, node("Neg", "x", "n"), node("Mul", "n c", "p"),
                   node("Div", "p six", "y")], SWISH),
            "Add Clip Neg Mul Div", "Add Clip Neg Mul Div",
        ),
        "another shift": (
            graph([node("Add", "x six", "a"), node("Clip", "a zero six", "c"),
                   node("Mul", "c x", "p"), node("Div", "p six", "y")], SWISH),
            "Add Clip Mul Div", "Add Clip Mul Div",
        ),
    },
    "mean_to_pool": {
        "kept": (
            graph([node("ReduceMean", "x", "y", axes=[2, 3])], None, (1, 4, 1, 1)),
            "ReduceMean", "GlobalAveragePool",
        ),
        "dropped, axes as an input": (
            graph([node("ReduceMean", "x a", "y", keepdims=0)], {"a": ints(-1, 2)}, (1, 4),
                  opset=18),
            "ReduceMean", "GlobalAveragePool Flatten",
        ),
        "one axis": (
            graph([node("ReduceMean", "x", "y", axes=[2], keepdims=0)], None, (1, 4, 3),
                  inputs={"x": (1, 4, 6, 3)}),
            "ReduceMean", "ReduceMean",
        ),
        "behind a 1-D convolution": (
            graph(conv(node("Relu", "t", "r"),
                       node("ReduceMean", "r", "y", axes=[-1], keepdims=0)),
                  {"w": floats(4, 4, 3), "b": floats(4)}, (1, 4), inputs={"x": (1, 4, 9)}),
            "Conv Relu ReduceMean", "Conv Relu GlobalAveragePool Flatten",
        ),
        "a sequence": (
            graph([node("ReduceMean", "x", "m", axes=[-1]), node("Sub", "x m", "y")], None,
                  (1, 4, 9), inputs={"x": (1, 4, 9)}),
            "ReduceMean Sub", "ReduceMean Sub",
        ),
        "channels": (
            graph([node("ReduceMean", "x", "y", axes=[1])], None, (1, 1, 6, 6)),
            "ReduceMean", "ReduceMean",
        ),
    },
    "fuse_pads": {
        "zeros": (
            graph([node("Pad", "x pads", "p"),
                   node("Conv", "p w b", "y", pads=[0, 1, 0, 0], strides=[2, 1])],
                  {**W, **PADS}, (1, 4, 3, 8)),
            "Pad Conv", "Conv",
        ),
        "valid, axes as an input": (
            graph([node("Pad", "x pads zero axes", "p"),
                   node("Conv", "p w b", "y", auto_pad="VALID")],
                  {**W, "pads": ints(1, 0), "zero": np.float32(0), "axes": ints(-1)},
                  (1, 4, 4, 5), opset=18),
            "Pad Conv", "Conv",
        ),
        **{
            name: (
                graph([node("Pad", f"x pads{inputs}", "p", **mode),
                       node("Conv", f"p {weight} b", "y", **more)],
                      {**W, **PADS, "one": np.float32(1), "point": floats(4, 4, 1, 1)}, shape),
                "Pad Conv", "Pad Conv",
            )
            for name, inputs, mode, weight, more, shape in (
                ("ones", " one", {}, "w", {}, (1, 4, 5, 7)),
                ("edge", "", {"mode": "edge"}, "w", {}, (1, 4, 5, 7)),
                ("1x1", "", {}, "point", {}, (1, 4, 7, 9)),
            )
        },
        "automatic": (
            graph([node("Pad", "x pads", "p"), node("Conv", "p w b", "y", auto_pad="SAME_UPPER")],
                  {**W, **PADS}, (1, 4, 7, 9)),
            "Pad Conv", "Conv",
        ),
        "channels": (
            graph([node("Pad", "x pads", "p"), node("Conv", "p w b", "y")],
                  {**W, "pads": ints(0, 1, 0, 0, 0, 0, 0, 0)}, (1, 4, 4, 4),
                  inputs={"x": (1, 3, 6, 6)}),
            "Pad Conv", "Pad Conv",
        ),
        "two readers": (
            graph([node("Pad", "x pads", "p"), node("Conv", "p w b", "y"), node("Neg", "p", "z")],
                  {**W, **PADS}, (1, 4, 5, 7), z=(1, 4, 7, 9)),
            "Pad Conv Neg", "Pad Conv Neg",
        ),
    },
    "matmul_to_gemm": {
        "with a bias": (
            graph([node("MatMul", "x k", "t"), node("Add", "c t", "y")],
                  {"k": floats(5, 3), "c": floats(3)}, (1, 3), inputs={"x": (1, 5)}),
            "MatMul Add", "Gemm",
        ),
        "without": (
            graph([node("MatMul", "x k", "y")], {"k": floats(5, 3)}, (1, 3), inputs={"x": (1, 5)}),
            "MatMul", "Gemm",
        ),
        "three axes": (
            graph([node("MatMul", "x k", "y")], {"k": floats(5, 3)}, (1, 2, 3),
                  inputs={"x": (1, 2, 5)}),
            "MatMul", "MatMul",
        ),
    },
    "fold_batch_norm": {
        "conv": (
            graph(conv(node("BatchNormalization", "t g h m v", "y")), {**W, **NORM}, (1, 4, 4, 4)),
            "Conv Conv", "Conv",
        ),
        "two in a row": (
            graph(conv(node("BatchNormalization", "t g h m v", "u"),
                       node("BatchNormalization", "u h g m v", "y")), {**W, **NORM}, (1, 4, 4, 4)),
            "Conv Conv Conv", "Conv",
        ),
    },
    "fold_arithmetic": {
        "mul, add, div, sub": (
            graph(conv(node("Mul", "k t", "u"), node("Add", "u l", "n"), node("Div", "n k", "o"),
                       node("Sub", "o l", "y")),
                  {**W, "k": floats(4, 1, 1) + np.float32(3), "l": floats(4, 1, 1, seed=9)},
                  (1, 4, 4, 4)),
            "Conv Mul Add Div Sub", "Conv",
        ),
        "a divided constant": (
            graph(conv(node("Div", "k t", "y")), {**W, "k": floats(4, 1, 1)}, (1, 4, 4, 4)),
            "Conv Div", "Conv Div",
        ),
        "a division by zero": (
            graph(conv(node("Div", "t k", "y")), {**W, "k": np.zeros((4, 1, 1), np.float32)},
                  (1, 4, 4, 4)),
            "Conv Div", "Conv Div",
        ),
    },
    "batch_norm_to_conv": {
        "alone": (
            graph([node("Relu", "x", "t"), node("BatchNormalization", "t g h m v", "y")], NORM),
            "Relu BatchNormalization", "Relu Conv",
        ),
    },
    "average_pool_to_conv": {
        "plain": (
            graph([node("AveragePool", "x", "y", kernel_shape=[3, 2], strides=[3, 2])], None,
                  (1, 4, 2, 3)),
            "AveragePool", "Conv",
        ),
        "padded, counted": (
            graph([node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                        count_include_pad=1)]),
            "AveragePool", "Conv",
        ),
        "padded, not counted": (
            graph([node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1])]),
            "AveragePool", "AveragePool",
        ),
        "rounded up": (
            graph([node("AveragePool", "x", "y", kernel_shape=[4, 4], strides=[4, 4],
                        ceil_mode=1)], None, (1, 4, 2, 2)),
            "AveragePool", "AveragePool",
        ),
    },
    "remove_unused": {
        "dead": (
            graph([node("Neg", "x", "y"), node("Exp", "x", "dead"), node("Log", "dead", "dead2")]),
            "Neg Exp Log", "Neg",
        ),
    },
}  # fmt: skip
