"""Random programs whose values share memory in every way that the planner knows."""

import numpy as np

from tvm_espdl.chips import CHIPS
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.add import Add
from tvm_espdl.ops.concat import Concat
from tvm_espdl.ops.gemm import Gemm
from tvm_espdl.ops.relu import Relu
from tvm_espdl.ops.reshape import Reshape
from tvm_espdl.ops.slice import Slice
from tvm_espdl.ops.transpose import Transpose
from tvm_espdl.program import Program, State, Step

S3 = CHIPS["esp32s3"]


def tensor(*shape, dtype="int8"):
    return Tensor(dtype, tuple(map(int, shape)), 0)


def drawn_operator(rng, values, names):
    """An operator on some of the values, and the names of its inputs; most of them are views."""
    name = str(rng.choice(names))
    x = values[name]
    kind = rng.choice(["reshape", "transpose", "slice", "slice", "concat", "concat", "add", "relu"])
    if kind == "reshape":
        return Reshape(x, Tensor(x.dtype, (x.size, 1, 1), 0)), (name,)
    if kind == "transpose":
        return Transpose.of(x, tuple(map(int, rng.permutation(3)))), (name,)
    if kind == "slice":
        starts = tuple(int(rng.integers(0, extent)) for extent in x.shape)
        extents = (
            int(rng.integers(1, extent - s + 1)) for extent, s in zip(x.shape, starts, strict=True)
        )
        return Slice(x, Tensor(x.dtype, tuple(extents), 0), starts, (1, 1, 1)), (name,)
    alike = [n for n in names if values[n].dtype == x.dtype]
    if kind == "concat":
        axis = int(rng.integers(3))
        others = [n for n in alike if _fits(values[n].shape, x.shape, axis)]
        parts = (name, *map(str, rng.choice(others, int(rng.integers(0, 4)))))
        shape = list(x.shape)
        shape[axis] = sum(values[part].shape[axis] for part in parts)
        xs = tuple(values[part] for part in parts)
        return Concat(xs, Tensor(x.dtype, tuple(shape), 0), axis), parts
    if kind == "add":
        same = [n for n in alike if values[n].shape == x.shape]
        return Add(x, x, x), (name, str(rng.choice(same)))
    return Relu(x, x), (name,)


def _fits(shape, other, axis):
    return all(a == b for n, (a, b) in enumerate(zip(shape, other, strict=True)) if n != axis)


def product(rng, values, names):
    """A matrix product of some value, as `Step` has it, its result's name apart."""
    name = str(rng.choice([n for n in names if values[n].dtype == "int8"]))
    x = values[name]
    shape = x.shape[-1], int(rng.integers(1, 5))
    y = Tensor("int8", (*x.shape[:-1], shape[1]), 0)
    weights = rng.integers(-128, 128, shape).astype(np.int8)
    return Gemm(x, Tensor("int8", shape, -3), None, y), (name,), (weights,)


def drawn_program(rng, steps, *, products=0.0):
    """Operators on what is near, with several inputs, outputs and states, and a constant.

    `products` says which part of the steps are matrix products, about.
    """
    given = {name: tensor(*rng.integers(1, 6, 3)) for name in ("x", "s", "c")}
    given["z"] = tensor(*rng.integers(1, 6, 3), dtype="int16")
    given["t"] = given["s"]
    values, done = dict(given), []
    for number in range(steps):
        near, constants = [*list(values)[-7:], *given], ()
        if products and rng.random() < products:
            operator, inputs, constants = product(rng, values, near)
        else:
            operator, inputs = drawn_operator(rng, values, near)
        values[f"v{number}"] = operator.output
        done.append(Step(operator, inputs, (f"v{number}",), constants))
    computed = [step.outputs[0] for step in done]
    alike = [name for name in computed if values[name] == values["s"]]
    states = tuple(State(v, str(rng.choice(alike))) for v in "st" if alike)
    for name in {"s", "t"} - {state.value for state in states}:
        values[name] = given[name]
    outputs = tuple(str(name) for name in rng.choice([*computed, "x"], 3))
    inputs = ("x", "z", *("" if states else "st"))
    named = ("a", "b", "c")
    constants = {"c": rng.integers(-128, 128, values["c"].shape, np.int8)}
    return Program(
        *(S3, values, inputs, outputs, tuple(done), constants),
        input_names=inputs,
        output_names=named,
        states=states,
    )
