"""Programs that the tests of regions and of the executor run, and their values by reference."""

import numpy as np
from random_operators.draws import integers

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Program, Step


def conv(rng, x, channels, *, name="conv2d", kernel=3):
    depth = 1 if name == "depthwise_conv2d" else x.shape[3]
    w = integers(rng, "int8", (channels, depth, kernel, kernel), 1 / 8)
    b = rng.integers(-4000, 4000, channels).astype(np.int32)
    y = Tensor("int8", (*x.shape[:3], channels), -4)
    pad = kernel // 2
    operator = operators()[name](
        x, Tensor("int8", w.shape, -6), Tensor("int32", b.shape, -10), y, (pad,) * 4
    )
    return operator, y, (w, b)


def residual(chip):
    """Quantize, two convolutions, a sum with the first, pool, reshape, gemm, softmax."""
    rng = np.random.default_rng(2)
    names = operators()
    values = {"x": Tensor("float32", (1, 12, 12, 5)), "q": Tensor("int8", (1, 12, 12, 5), -4)}
    steps = [Step(names["quantize"](values["x"], values["q"]), ("x",), ("q",))]

    def then(operator, inputs, output, constants=()):
        values[output] = operator.output
        steps.append(Step(operator, inputs, (output,), constants))
        return operator.output

    operator, a, constants = conv(rng, values["q"], 20)
    then(operator, ("q",), "a", constants)
    operator, b, constants = conv(rng, a, 20, name="depthwise_conv2d")
    then(operator, ("a",), "b", constants)
    operator, c, constants = conv(rng, b, 20, kernel=1)
    then(operator, ("b",), "c", constants)
    then(names["add"](c, a, a, "relu"), ("c", "a"), "d")
    pooled = Tensor("int8", (1, 1, 1, 20), -5)
    then(names["average_pool2d"](a, pooled, (12, 12)), ("d",), "e")
    row = then(names["reshape"](pooled, Tensor("int8", (1, 20), -5)), ("e",), "f")
    w = integers(rng, "int8", (20, 7), 1 / 3)
    logits = Tensor("int8", (1, 7), -3)
    then(names["gemm"](row, Tensor("int8", w.shape, -6), None, logits), ("f",), "g", (w,))
    then(names["softmax"](logits, Tensor("float32", (1, 7)), 1), ("g",), "h")
    return Program(find_chip(chip), values, ("x",), ("h",), tuple(steps))


def expected(program, *inputs):
    """Every value, by the references, step by step."""
    found = dict(zip(program.inputs, inputs, strict=True))
    for step in program.steps:
        arrays = [found[name] for name in step.inputs]
        found[step.outputs[0]] = step.operator.reference(program.chip, *arrays, *step.constants)
    return found


def image():
    return np.random.default_rng(3).normal(0, 4, (1, 12, 12, 5)).astype(np.float32)
