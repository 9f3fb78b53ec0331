"""The executor: run plainly, watched, or step by step, a program gives its references' bits."""

import dataclasses

import numpy as np
import pytest
import tvm
from host_cases import CHIPS
from host_networks import expected, image, residual
from tvm.script import tirx as T

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Native, Program, State, Step
from tvm_espdl.runtime.executor import build

TYPE = Tensor("int8", (7,), -2)


@T.prim_func(private=True)
def negated(x: T.Buffer((7,), "int8"), y: T.Buffer((7,), "int8")):
    for i in range(7):
        y[i] = T.int8(0) - x[i]


def small(steps, outputs, **more):
    """A program over vectors of seven; a step is its operator's name, inputs and output."""
    add, relu = operators()["add"](TYPE, TYPE, TYPE), operators()["relu"](TYPE, TYPE)
    known = {"add": add, "relu": relu, "negated": Native(negated, (TYPE,), (TYPE,))}
    done = tuple(Step(known[name], inputs, (output,)) for name, inputs, output in steps)
    named = ("x", *(s.value for s in more.get("states", ())), *more.get("constants", ()))
    values = dict.fromkeys((*named, *(output for *_, output in steps)), TYPE)
    return Program(find_chip("esp32s3"), values, ("x",), outputs, done, **more)


def alternating():
    """Operators, a function of TVM, operators that also read what came before it."""
    steps = [
        ("relu", ("x",), "a"),
        ("add", ("x", "a"), "b"),
        ("negated", ("b",), "c"),
        ("add", ("c", "a"), "d"),
    ]
    return small(steps, ("d", "c"))


def numbers(seed=5):
    print("seed", seed)
    return np.random.default_rng(seed).integers(-60, 60, 7).astype(np.int8)


def test_every_value_on_every_chip_in_one_build():
    for executor in build([residual(chip) for chip in CHIPS]):
        wanted = expected(executor.program, image())
        (result,), _ = executor.run([image()])
        np.testing.assert_array_equal(result, wanted["h"])
        values = executor.values([image()])
        assert list(values) == list(executor.program.values)
        for name, array in values.items():
            np.testing.assert_array_equal(array, wanted[name], err_msg=name)


def test_running_compiles_nothing(monkeypatch):
    (executor,) = build([residual("esp32s3")])
    monkeypatch.setattr(tvm.tirx, "build", None)
    (plain,), _ = executor.run([image()])
    np.testing.assert_array_equal(executor.values([image()])["h"], plain)


def test_equal_programs_share_all_kernels():
    program = residual("esp32s3")
    (one,), two = build([program], segments=False), build([program, program], segments=False)
    assert one.module.inspect_source("asm") == two[1].module.inspect_source("asm")
    for executor in two:
        assert executor.segments == ()
        (result,), _ = executor.run([image()])
        np.testing.assert_array_equal(result, expected(program, image())["h"])


@pytest.mark.parametrize("segments", [True, False])
@pytest.mark.parametrize(
    "outputs", [("h", "a"), ("a", "h", "a"), ("x", "d"), ("x", "q", "x", "q", "h")], ids=",".join
)
def test_outputs_may_be_read_repeated_or_inputs(outputs, segments):
    program = dataclasses.replace(residual("esp32s3"), outputs=outputs)
    (executor,) = build([program], segments=segments)
    x = image()
    results, _ = executor.run([x])
    for name, result in zip(outputs, results, strict=True):
        np.testing.assert_array_equal(result, expected(program, x)[name])
    for number, result in enumerate(results):
        assert not any(np.shares_memory(result, other) for other in [x, *results[:number]])


def test_a_program_without_steps_copies():
    (executor,) = build([small([], ("x", "x"))])
    results, _ = executor.run([numbers()])
    assert executor.module is None
    assert all(np.array_equal(result, numbers()) for result in results)


def test_a_watch_replaces_what_later_steps_read():
    (executor,) = build([alternating()])
    x, other = numbers(), numbers(6)
    seen = []

    def watch(name, array):
        seen.append(name)
        return other if name == "b" else None

    (result, negative), _ = executor.run([x], watch=watch)
    assert seen == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(negative, -other)
    np.testing.assert_array_equal(result, np.maximum(x, 0) - other)


def test_functions_of_tvm_between_operators():
    (executor,) = build([alternating()])
    assert [segment.inputs for segment in executor.segments] == [("x",), ("b",), ("c", "a")]
    assert [segment.outputs for segment in executor.segments] == [("a", "b"), ("c",), ("d",)]
    x = numbers()
    (result, negative), _ = executor.run([x])
    np.testing.assert_array_equal(negative, -(x + np.maximum(x, 0)))
    np.testing.assert_array_equal(result, negative + np.maximum(x, 0))
    assert np.array_equal(executor.values([x])["d"], result)


def test_states_and_constants():
    steps = [("add", ("x", "s"), "t"), ("add", ("t", "one"), "y")]
    one = np.ones(7, np.int8)
    one.flags.writeable = False
    program = small(steps, ("y", "t"), states=(State("s", "t"),), constants={"one": one})
    (executor,) = build([program])
    x = numbers()
    (y, t), (following,) = executor.run([x], [np.full(7, 3, np.int8)])
    np.testing.assert_array_equal(y, x + 4)
    np.testing.assert_array_equal(following, x + 3)
    assert not np.shares_memory(t, following)
    assert list(executor.values([x], [following])) == ["x", "s", "t", "y"]


def test_inputs_may_lie_anywhere_and_be_read_only():
    (executor,) = build([alternating()])
    memory = np.zeros(64, np.int8)
    x = memory[3:10]
    x[...] = numbers()
    x.flags.writeable = False
    for given in (x, np.repeat(numbers(), 2)[::2]):
        assert np.array_equal(executor.run([given])[0][0], executor.run([numbers()])[0][0])
        assert np.array_equal(executor.values([given])["d"], executor.run([given])[0][0])
