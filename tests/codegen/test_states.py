"""States of any network: where they are kept, when they are replaced, that no run sees too much."""

import dataclasses

import numpy as np
import pytest
from network_in_c import run_network
from qdq_builder import QdqBuilder

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ModelError
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.add import Add
from tvm_espdl.ops.relu import Relu
from tvm_espdl.program import Program, State, Step
from tvm_espdl.program.memory import Place, plan
from tvm_espdl.relay.program import INPUT_NAMES, OUTPUT_NAMES, STATES, _with_states

STEP = 2.0**-4
TYPE = Tensor("int8", (1, 32), -4)


def with_states():
    """y = x + s, z = r + d; then s becomes -y, r becomes relu(x), and d becomes x as it is."""
    builder = QdqBuilder()
    x, s, r, d = (builder.quantized_input(name, (1, 32)) for name in "xsrd")
    y = builder.qdq(builder.node("Add", x, s), -4)
    summed = builder.qdq(builder.node("Neg", y), -4)
    positive = builder.qdq(builder.node("Relu", x), -4)
    z = builder.qdq(builder.node("Add", r, d), -4)
    for result in (y, z, summed, positive, builder.node("Identity", "x")):
        builder.output(result)
    mod, params = relay.frontend.from_onnx(builder.model())
    main = mod["main"]
    names = [str(name) for name in main.attrs[OUTPUT_NAMES]]
    attrs = {
        INPUT_NAMES: ["x"],
        OUTPUT_NAMES: names[:2],
        STATES: [list(pair) for pair in zip("srd", names[2:], strict=True)],
    }
    mod["main"] = main.with_attrs(attrs)
    return mod, params


def by_hand(frames):
    """The same with Python's numbers, in steps of the exponent."""
    s, r, d = (np.zeros((1, 32)) for _ in range(3))
    for frame in frames:
        x = np.clip(np.floor(frame / STEP + 0.5), -128, 127)
        delayed = np.clip(np.floor(d / STEP + 0.5), -128, 127)
        y = np.clip(x + s, -128, 127)
        yield y * STEP, np.clip(r + delayed, -128, 127) * STEP
        s, r, d = np.minimum(-y, 127), np.maximum(x, 0), frame


def test_states_are_replaced_after_every_reader(c_compiler):
    mod, params = with_states()
    network = relay.build(mod, target="espressif/esp32s3", params=params)
    assert network.input_names == ("x",) and len(network.output_names) == 2
    assert len(network.program.states) == 3
    source = np.random.default_rng(21)
    frames = [source.uniform(-4, 4, (1, 32)).astype(np.float32) for _ in range(6)]
    in_c = run_network(network.program, [[f] for f in (*frames, *frames)], c_compiler, resets=[6])
    for start in (0, 6):
        network.reset()
        for number, (frame, expected) in enumerate(zip(frames, by_hand(frames), strict=True)):
            results = network(frame)
            for result, wanted, c_result in zip(
                results, expected, in_c[start + number], strict=True
            ):
                assert np.array_equal(result, wanted), number
                assert np.array_equal(result, c_result), number


def program(steps, states, outputs):
    names = dict.fromkeys(n for step in steps for n in (*step.inputs, *step.outputs))
    values = dict.fromkeys(names, TYPE)
    return Program(find_chip("esp32s3"), values, ("x",), outputs, tuple(steps), states=states)


def add(a, b, y):
    return Step(Add(TYPE, TYPE, TYPE), (a, b), (y,))


def relu(x, y):
    return Step(Relu(TYPE, TYPE), (x,), (y,))


def test_the_next_state_is_written_over_the_old_one_where_nobody_reads_that_any_more():
    given = program([add("s", "x", "y"), relu("y", "n")], (State("s", "n"),), ("y",))
    places = plan(given).places
    assert places["s"] == places["n"] == Place("state", 0)


@pytest.mark.parametrize(
    ("steps", "outputs"),
    [
        ([relu("x", "n"), add("s", "x", "y")], ("y",)),  # read after the next one is there
        ([relu("s", "n"), relu("x", "y")], ("y",)),  # read while it is written
        ([add("s", "x", "y"), relu("y", "n")], ("y", "s")),  # leaves the network
    ],
)
def test_the_next_state_waits_elsewhere_while_the_old_one_is_read(steps, outputs):
    given = program(steps, (State("s", "n"),), outputs)
    places = plan(given).places
    assert places["s"] == Place("state", 0)
    assert places["n"].kind == "arena"


def test_the_next_state_is_kept_to_the_end_where_it_is_copied(c_compiler):
    """n becomes s by a copy behind the last step; what is computed before takes other memory."""
    steps = [relu("s", "r"), add("s", "x", "n"), relu("x", "a"), add("a", "r", "y")]
    given = program(steps, (State("s", "n"),), ("y",))
    given = dataclasses.replace(given, input_names=("x",), output_names=("y",))
    frames = [np.full((1, 32), value, np.int8) for value in (1, 2, 3)]
    results = run_network(given, [[frame] for frame in frames], c_compiler)
    assert [int(y[0, 0]) for (y,) in results] == [1 + 0, 2 + 1, 3 + 3]


def test_two_states_that_become_the_same_value_have_their_own_bytes():
    states = (State("s", "n"), State("t", "n"))
    given = program([add("s", "t", "y"), relu("y", "n")], states, ("y",))
    places = plan(given).places
    assert places["n"] == places["s"] == Place("state", 0)
    assert places["t"] == Place("state", 1)


def test_a_state_that_becomes_another_one_as_it_is_is_refused():
    tensors = {name: TYPE for name in "xst"}
    given = Program(find_chip("esp32s3"), tensors, ("x", "s", "t"), ("x", "t", "s"), ())
    with pytest.raises(ModelError, match="replaced by another state"):
        _with_states(given, 2)
