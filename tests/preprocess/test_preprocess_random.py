"""Random chains of what preprocessing rewrites: equal numbers, valid ONNX, nothing left to do.

TVM_ESPDL_RANDOM_CASES sets their number; the seed of a failure is in its message.
"""

import os

import numpy as np
import onnx
import pytest
from qdq_networks import network, node, run

from tvm_espdl.preprocess import preprocess_with_report
from tvm_espdl.preprocess.steps import STEPS

CASES = int(os.environ.get("TVM_ESPDL_RANDOM_CASES", "60"))
PERMS = ([0, 2, 3, 1], [0, 3, 1, 2], [0, 1, 3, 2], [0, 1, 2, 3])


class Builder:
    """Grows a network from one input, always from one of the last tensors."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], {}
        self.shapes = {"x": (1, 4, 6, 5)}

    def constant(self, value):
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def number(self, *choices):
        return self.constant(np.float32(self.rng.choice(choices)))

    def floats(self, *shape):
        return self.constant(self.rng.normal(size=shape).astype(np.float32) + np.float32(1))

    def ints(self, *values):
        return self.constant(np.array(values, dtype=np.int64))

    def add(self, operator, inputs, shape, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(operator, " ".join(inputs), name, **attributes))
        self.shapes[name] = tuple(shape)
        return name

    def grow(self):
        names = list(self.shapes)
        x = names[-1] if self.rng.random() < 0.8 else str(self.rng.choice(names[-3:]))
        kinds = [m for m in dir(self) if m.startswith("put_")]
        getattr(self, str(self.rng.choice(kinds)))(x, self.shapes[x])

    def put_unary(self, x, shape):
        self.add(str(self.rng.choice(["Relu", "Identity", "Tanh", "HardSigmoid"])), [x], shape)

    def put_limit(self, x, shape):
        kind = str(self.rng.choice(["Min", "Max", "Clip"]))
        if kind == "Clip":
            self.add(kind, [x, self.number(-1, 0, 0.5), self.number(0.5, 1, 6)], shape)
        else:
            operands = [x, self.number(-1, 0, 1, 6)]
            self.add(kind, operands[:: int(self.rng.choice([1, -1]))], shape)

    def put_arithmetic(self, x, shape):
        kind = str(self.rng.choice(["Add", "Sub", "Mul", "Div"]))
        per_channel = len(shape) == 4 and self.rng.random() < 0.6
        other = self.floats(shape[1], 1, 1) if per_channel else self.number(0, 1, 3, 6)
        if kind == "Div":
            other = self.number(0.5, 1, 6)
        swap = kind in ("Add", "Mul") and self.rng.random() < 0.5
        self.add(kind, [other, x] if swap else [x, other], shape)

    def put_several(self, x, shape):
        kind = str(self.rng.choice(["Sum", "Max", "Min"]))
        self.add(kind, [x, self.number(-1, 0, 6), x, self.number(0, 1)], shape)

    def put_gate(self, x, shape):
        shifted = self.add("Add", [x, self.number(3, 3, 2)], shape)
        gate = self.add("Clip", [shifted, self.number(0), self.number(6)], shape)
        if self.rng.random() < 0.7:
            gate = self.add("Mul", [gate, x], shape)
        self.add("Div", [gate, self.number(6)], shape)

    def put_gelu(self, x, shape):
        scaled = self.add("Mul", [x, self.number(np.sqrt(0.5))], shape)
        gate = self.add("Add", [self.add("Erf", [scaled], shape), self.number(1, 1, 0)], shape)
        product = self.add("Mul", [gate, x], shape)
        self.add("Mul", [product, self.number(0.5)], shape)

    def put_norm(self, x, shape):
        if x != "x":
            return  # of values that are nearly equal it would magnify the rounding
        reduced = (*shape[:-1], 1)
        centred = self.add("Sub", [x, self.add("ReduceMean", [x], reduced, axes=[-1])], shape)
        square = self.add("Mul", [centred, centred], shape)
        variance = self.add("ReduceMean", [square], reduced, axes=[-1])
        stable = self.add("Add", [variance, self.number(0.1)], reduced)
        quotient = self.add("Div", [centred, self.add("Sqrt", [stable], reduced)], shape)
        if self.rng.random() < 0.7:
            self.add("Mul", [quotient, self.floats(shape[-1])], shape)

    def put_transpose(self, x, shape):
        if len(shape) == 4:
            perm = PERMS[int(self.rng.integers(len(PERMS)))]
            self.add("Transpose", [x], [shape[axis] for axis in perm], perm=perm)

    def put_reshape(self, x, shape):
        target = shape if self.rng.random() < 0.5 else (1, -1)
        after = shape if target == shape else (1, int(np.prod(shape)))
        if self.rng.random() < 0.5:
            self.add("Reshape", [x, self.ints(*target)], after)
        elif after != shape:
            self.add("Flatten", [x], after)

    def put_layer(self, x, shape):
        if len(shape) == 2:
            made = self.add("MatMul", [x, self.floats(shape[1], 4)], (1, 4))
            if self.rng.random() < 0.5:
                self.add("Add", [made, self.floats(4)], (1, 4))
            return
        pads = [int(p) for p in self.rng.integers(0, 2, size=4)]
        height, width = shape[2] + pads[0] + pads[2], shape[3] + pads[1] + pads[3]
        if self.rng.random() < 0.6:
            around = self.ints(0, 0, *pads[:2], 0, 0, *pads[2:])
            x = self.add("Pad", [x, around], (1, shape[1], height, width))
            pads = [0] * 4
        size = 1 if self.rng.random() < 0.3 else 2
        after = (1, 4, height - size + 1, width - size + 1)
        if min(after) > 0:
            self.add("Conv", [x, self.floats(4, shape[1], size, size)], after, pads=pads)

    def put_normalization(self, x, shape):
        if len(shape) == 4:
            channels = shape[1]
            positive = self.constant(self.rng.uniform(0.5, 2, channels).astype(np.float32))
            statistics = [self.floats(channels) for _ in range(3)]
            self.add("BatchNormalization", [x, *statistics, positive], shape)

    def put_mean(self, x, shape):
        if len(shape) == 4 and self.rng.random() < 0.3:
            axes = [int(axis) for axis in ([2, 3], [1, 2], [-1, -2])[self.rng.integers(3)]]
            kept = [1 if n in [axis % 4 for axis in axes] else s for n, s in enumerate(shape)]
            self.add("ReduceMean", [x], kept, axes=axes)

    def model(self):
        names = list(self.shapes)
        outputs = {names[-1], str(self.rng.choice(names[1:]))}
        found = {name: self.shapes[name] for name in names if name in outputs}
        return network(self.nodes, {"x": (1, 4, 6, 5)}, found, self.constants, opset=14)


@pytest.mark.parametrize("seed", range(CASES))
def test_random_chain(seed):
    builder = Builder(seed)
    while len(builder.nodes) < 12:
        builder.grow()
    model = builder.model()
    names = [step.name for step in STEPS]
    skip = set(builder.rng.choice(names, size=int(builder.rng.integers(4)))) if seed % 2 else set()
    prepared, _ = preprocess_with_report(model, skip=skip)
    onnx.checker.check_model(prepared, full_check=True)
    again, report = preprocess_with_report(prepared)
    assert again == prepared and not report.steps, f"seed {seed}: {report}"
    x = (np.random.default_rng(seed + 1).normal(size=(1, 4, 6, 5)) * 3).astype(np.float32)
    found, expected = run(prepared, {"x": x}), run(model, {"x": x})
    assert list(found) == list(expected)
    for name, value in expected.items():
        largest = float(np.abs(value).max()) or 1.0
        np.testing.assert_allclose(
            found[name] / largest, value / largest, rtol=0, atol=1e-5, err_msg=f"seed {seed}"
        )


def test_the_chains_reach_the_steps():
    """Otherwise the test above would pass for want of something to do."""
    seen = set()
    for seed in range(60):
        builder = Builder(seed)
        while len(builder.nodes) < 12:
            builder.grow()
        seen |= {name for name, _ in preprocess_with_report(builder.model())[1].steps}
    unreached = {"constants_to_initializers", "drop_unread_outputs", "average_pool_to_conv"}
    unreached |= {"clear_descriptions", "clear_shapes", "half_to_float", "dilated_conv"}
    unreached |= {"softmax"}  # the cases of single steps reach it
    assert {step.name for step in STEPS} - seen <= unreached | {"fold_constants", "mean_to_pool"}
