"""The memory plan: values that live at once never share bytes, and little is wasted."""

import itertools

import numpy as np
import pytest
from memory_simulation import simulate
from networks import library

from tvm_espdl.chips import CHIPS
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.add import Add
from tvm_espdl.ops.base.ccall import Needs
from tvm_espdl.ops.relu import Relu
from tvm_espdl.ops.reshape import Reshape
from tvm_espdl.program import Program, State, Step
from tvm_espdl.program.memory import ALIGNMENT, plan

SEED = 11


def random_program(rng, steps):
    """Relus, adds and reshapes over tensors of random sizes; residual edges of random length."""
    sizes = rng.integers(1, 400, steps + 1)
    values = {"x": Tensor("int8", (1, int(sizes[0])), 0)}
    done = []
    for number in range(steps):
        source = str(rng.choice(list(values)))
        tensor = values[source]
        name = f"v{number}"
        kind = rng.integers(3)
        if kind == 0:
            values[name] = tensor
            done.append(Step(Add(tensor, tensor, tensor), (source, source), (name,)))
        elif kind == 1:
            values[name] = Tensor("int8", (tensor.size, 1), 0)
            done.append(Step(Reshape(tensor, values[name]), (source,), (name,)))
        else:
            values[name] = Tensor("int8", (1, int(sizes[number + 1])), 0)
            done.append(Step(Relu(tensor, values[name]), (source,), (name,)))
    outputs = tuple(str(n) for n in rng.choice([f"v{i}" for i in range(steps)], 2))
    return Program(CHIPS["esp32"], values, ("x",), outputs, tuple(done))


def lives(program):
    """First and last step of each value that a step writes."""
    result = {}
    for at, step in enumerate(program.steps):
        for name in (*step.inputs, *step.outputs):
            first, _ = result.get(name, (at, at))
            result[name] = (first, at)
    return result


def replaces(program, needs, one, other):
    """Whether the step that writes one of two values may do so over the other, its input's last."""
    for at, need in needs.items():
        step = program.steps[at]
        for source in (step.inputs[place] for place in need.in_place):
            if {source, step.outputs[0]} == {one, other}:
                return lives(program)[source][1] == at and step.inputs.count(source) == 1
    return False


def assert_valid(program, needs=None, alignment=ALIGNMENT):
    needs = needs or {}
    memory = plan(program, needs, alignment=alignment)
    life = lives(program)
    of_alias = {}
    blocks = []
    for step in program.steps:
        name = step.outputs[0]
        place = memory.places[name]
        if place.kind != "arena":
            continue
        assert place.index % alignment == 0
        size = program.values[name].nbytes
        assert place.index + size + memory.over_reads.get(name, 0) <= memory.arena_bytes
        of_alias[name] = of_alias.get(step.inputs[0], name) if memory.is_alias(step) else name
        blocks.append((name, place.index, size, life[name]))
    for at, need in needs.items():
        if need.workspace_bytes:
            where = memory.workspaces[at]
            blocks.append((f"workspace {at}", where, need.workspace_bytes, (at, at)))
    for n, (one, start, size, (first, last)) in enumerate(blocks):
        for other, begin, length, (from_, to) in blocks[:n]:
            overlaps = start < begin + length and begin < start + size
            together = first <= to and from_ <= last
            alias = of_alias.get(one, one) == of_alias.get(other, other)
            in_place = replaces(program, needs, one, other)
            assert alias or in_place or not (overlaps and together), f"{one} and {other}"
    assert memory.arena_bytes >= memory.lower_bound
    return memory


@pytest.mark.parametrize("number", range(60))
def test_random_programs(number):
    rng = np.random.default_rng([SEED, number])
    program = random_program(rng, int(rng.integers(1, 25)))
    needs = {
        int(i): Needs(int(rng.integers(0, 300)), over_read=int(rng.integers(0, 40)))
        for i in rng.integers(0, len(program.steps), 3)
    }
    assert_valid(program, needs)
    assert_valid(program, needs, alignment=64)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_real_networks_waste_little(chip, models_dir):
    for name in ("digits", "seed"):
        program = library(name, chip, models_dir).program
        memory = assert_valid(program)
        assert memory.arena_bytes <= 1.05 * memory.lower_bound, name
        calls = [step.operator.call(program.chip, *step.constants) for step in program.steps]
        needs = {at: call.needs for at, call in enumerate(calls)}
        simulate(program, plan(program, needs), needs)


def test_plan_is_deterministic():
    program = random_program(np.random.default_rng(SEED), 20)
    assert plan(program) == plan(program)


def test_reshape_costs_no_memory():
    x, y = Tensor("int8", (1, 64), 0), Tensor("int8", (64, 1), 0)
    relu, reshape = Relu(x, x), Reshape(x, y)
    steps = (
        Step(relu, ("x",), ("a",)),
        Step(reshape, ("a",), ("b",)),
        Step(Relu(y, y), ("b",), ("c",)),
    )
    program = Program(CHIPS["esp32"], {"x": x, "a": x, "b": y, "c": y}, ("x",), ("c",), steps)
    memory = plan(program)
    assert memory.places["a"] == memory.places["b"]
    assert memory.arena_bytes == 64
    over_reading = {index: Needs(over_read=16) for index in range(3)}
    assert plan(program, over_reading).arena_bytes == 64 + 16


def chain(count, dtype="int8"):
    """Relus one after the other, over 64 elements."""
    x = Tensor(dtype, (1, 64), 0)
    names = [f"v{number}" for number in range(count + 1)]
    steps = [Step(Relu(x, x), (a,), (b,)) for a, b in itertools.pairwise(names)]
    values = dict.fromkeys(names, x)
    return Program(CHIPS["esp32"], values, names[:1], names[-1:], tuple(steps))


def test_results_take_the_place_of_inputs_that_nobody_reads_again():
    program = chain(5)
    in_place = {index: Needs(in_place=(0,)) for index in range(5)}
    assert plan(program).arena_bytes == 2 * 64
    memory = plan(program, in_place)
    assert memory.arena_bytes == memory.lower_bound == 64
    assert len({memory.places[f"v{number}"] for number in range(1, 5)}) == 1


@pytest.mark.parametrize("reader", ["later", "twice", "alias"])
def test_an_input_that_is_read_elsewhere_is_not_written_over(reader):
    x, y = Tensor("int8", (1, 64), 0), Tensor("int8", (64, 1), 0)
    relu, add = Relu(x, x), Add(x, x, x)
    view = Step(Reshape(x, y), ("a",), ("view",))
    middle = {
        "later": (Step(relu, ("a",), ("b",)), Step(add, ("a", "b"), ("c",))),
        "twice": (Step(add, ("a", "a"), ("b",)), Step(relu, ("b",), ("c",))),
        "alias": (view, Step(add, ("a", "view"), ("b",)), Step(relu, ("b",), ("c",))),
    }[reader]
    steps = (Step(relu, ("x",), ("a",)), *middle, Step(relu, ("c",), ("d",)))
    values = {**dict.fromkeys(("x", "a", "b", "c", "d"), x), "view": y}
    program = Program(CHIPS["esp32"], values, ("x",), ("d",), steps)
    at = next(i for i, step in enumerate(steps) if step.outputs == ("b",))
    memory = assert_valid(program, {at: Needs(in_place=(0,))})
    assert memory.places["a"] != memory.places["b"]


def test_values_are_aligned_as_their_steps_ask():
    program = chain(3)
    memory = assert_valid(program, {1: Needs(alignment=32, over_read=48), 2: Needs(alignment=16)})
    assert memory.alignments == {"v1": 32, "v2": 32, "v3": 16}
    assert memory.over_reads == {"v1": 48}


def test_what_readers_of_an_alias_ask_its_source_is_asked():
    """Only of the source do a caller's header and the check of its pointers know."""
    x, y = Tensor("int8", (1, 64), 0), Tensor("int8", (64, 1), 0)
    steps = (
        Step(Reshape(x, y), ("x",), ("a",)),
        Step(Reshape(y, x), ("a",), ("b",)),
        Step(Relu(x, x), ("b",), ("y",)),
    )
    program = Program(CHIPS["esp32s3"], {"x": x, "a": y, "b": x, "y": x}, ("x",), ("y",), steps)
    memory = plan(program, {2: Needs(alignment=16, over_read=48)})
    assert memory.places["b"] == memory.places["x"]
    assert memory.alignments["x"] == 16
    assert memory.over_reads["x"] == 48
    assert "y" not in memory.over_reads


@pytest.mark.parametrize("number", range(30))
def test_random_programs_in_place(number):
    rng = np.random.default_rng([SEED, 1, number])
    program = random_program(rng, int(rng.integers(1, 25)))
    fitting = {Add: (0, 1), Relu: (0,)}
    needs = {}
    for at, step in enumerate(program.steps):
        sizes = [program.values[name].nbytes for name in (*step.inputs, *step.outputs)]
        if type(step.operator) in fitting and len(set(sizes)) == 1:
            needs[at] = Needs(in_place=fitting[type(step.operator)])
    assert_valid(program, needs)
    assert plan(program, needs).lower_bound <= plan(program).lower_bound


def drawn_state_program(rng, steps):
    """As `random_program`, of one size of value, with states and constants among what is read."""
    tensor, view = Tensor("int8", (1, 37), 0), Tensor("int8", (37, 1), 0)
    values = dict.fromkeys(("x", "s", "t", "c"), tensor)
    done = []
    for number in range(steps):
        a, b = (str(name) for name in rng.choice([*list(values)[-6:], "x", "s", "t", "c"], 2))
        name = f"v{number}"
        kind = rng.integers(4)
        source = values[a]
        if kind == 0:
            values[name] = view if source == tensor else tensor
            done.append(Step(Reshape(source, values[name]), (a,), (name,)))
        elif kind == 1 and values[b] == source:
            values[name] = source
            done.append(Step(Add(source, source, source), (a, b), (name,)))
        else:
            values[name] = source
            done.append(Step(Relu(source, source), (a,), (name,)))
    computed = [step.outputs[0] for step in done]
    states = tuple(State(value, str(rng.choice(computed))) for value in "st")
    outputs = tuple(str(name) for name in rng.choice(computed, 2))
    constants = {"c": np.zeros((1, 37), np.int8)}
    return Program(CHIPS["esp32s3"], values, ("x",), outputs, tuple(done), constants, states=states)


def drawn_needs(rng, program):
    """What kernels with and without vectors may ask."""
    needs = {}
    for at, step in enumerate(program.steps):
        places = tuple(range(len(step.inputs)))
        if isinstance(step.operator, Reshape):
            continue
        vector = int(rng.choice([0, 16]))
        scratch = int(rng.choice([0, 0, 5, 50]))
        needs[at] = Needs(scratch, places if rng.integers(2) else (), vector, max(vector, 1))
    return needs


@pytest.mark.parametrize("number", range(150))
def test_every_byte_is_there_when_it_is_read(number):
    rng = np.random.default_rng([SEED, 2, number])
    program = drawn_state_program(rng, int(rng.integers(1, 16)))
    needs = drawn_needs(rng, program)
    simulate(program, plan(program, needs), needs)
    simulate(program, plan(program), {})
