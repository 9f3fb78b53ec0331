"""The memory plan: values that live at once never share bytes, and little is wasted."""

import numpy as np
import pytest
from networks import library

from tvm_espdl.chips import CHIPS
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.add import Add
from tvm_espdl.ops.relu import Relu
from tvm_espdl.ops.reshape import Reshape
from tvm_espdl.program import Program, Step
from tvm_espdl.program.memory import ALIGNMENT, OVER_READ, plan

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


def assert_valid(program, workspaces=None, alignment=ALIGNMENT, over_read=OVER_READ):
    memory = plan(program, workspaces, alignment=alignment, over_read=over_read)
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
        assert place.index + size + over_read <= memory.arena_bytes
        of_alias[name] = of_alias.get(step.inputs[0], name) if memory.is_alias(step) else name
        blocks.append((name, place.index, size, life[name]))
    for at, size in (workspaces or {}).items():
        blocks.append((f"workspace {at}", memory.workspaces[at], size, (at, at)))
    for n, (one, start, size, (first, last)) in enumerate(blocks):
        for other, begin, length, (from_, to) in blocks[:n]:
            overlaps = start < begin + length and begin < start + size
            together = first <= to and from_ <= last
            alias = of_alias.get(one, one) == of_alias.get(other, other)
            assert alias or not (overlaps and together), f"{one} and {other}"
    assert memory.arena_bytes >= memory.lower_bound
    return memory


@pytest.mark.parametrize("number", range(60))
def test_random_programs(number):
    rng = np.random.default_rng([SEED, number])
    program = random_program(rng, int(rng.integers(1, 25)))
    scratch = {int(i): int(rng.integers(0, 300)) for i in rng.integers(0, len(program.steps), 3)}
    assert_valid(program, scratch)
    assert_valid(program, scratch, alignment=64, over_read=0)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_real_networks_waste_little(chip, models_dir):
    for name in ("digits", "seed"):
        program = library(name, chip, models_dir).program
        memory = assert_valid(program)
        assert memory.arena_bytes - OVER_READ <= 1.05 * memory.lower_bound, name


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
    assert memory.arena_bytes == 64 + OVER_READ
