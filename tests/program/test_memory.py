"""The memory plan: values that live at once never share bytes, and little is wasted."""

import itertools

import numpy as np
import pytest
from memory_simulation import simulate
from networks import library
from program_drawings import drawn_program

from tvm_espdl.chips import CHIPS
from tvm_espdl.ops import Tensor
from tvm_espdl.ops.add import Add
from tvm_espdl.ops.base.ccall import Needs
from tvm_espdl.ops.relu import Relu
from tvm_espdl.ops.reshape import Reshape
from tvm_espdl.program import Program, State, Step
from tvm_espdl.program.memory import Place, Planner, Pool, plan

SEED = 11


def drawn_needs(rng, program):
    """What kernels with and without vectors may ask."""
    needs = {}
    for at, step in enumerate(program.steps):
        places = tuple(range(len(step.inputs))) if isinstance(step.operator, (Add, Relu)) else ()
        vector = int(rng.choice([0, 0, 16]))
        scratch = int(rng.choice([0, 0, 5, 50]))
        inside = places if rng.integers(2) else ()
        needs[at] = Needs(scratch, inside, vector, max(vector, 1), bool(rng.integers(4)))
    return needs


@pytest.mark.parametrize("number", range(60))
def test_every_byte_is_there_when_it_is_read(number):
    rng = np.random.default_rng([SEED, number])
    program = drawn_program(rng, int(rng.integers(1, 30)))
    needs = drawn_needs(rng, program)
    for asked, alignment in ((needs, 16), (needs, 64), ({}, 16)):
        found = plan(program, asked, alignment=alignment)
        simulate(program, found, asked)
        assert found.fits
        assert found.arena_bytes >= found.lower_bound
    pools = (Pool("small", int(rng.integers(0, 200))), Pool("large"))
    split = plan(program, needs, pools=pools)
    simulate(program, split, needs)
    assert split.fits


@pytest.mark.parametrize("number", range(10))
def test_plans_for_other_pools_are_those_of_a_new_planner(number):
    """Whatever one planner has planned before, in whichever order."""
    rng = np.random.default_rng([SEED, 1, number])
    program = drawn_program(rng, 20)
    needs = drawn_needs(rng, program)
    several = [
        (Pool("small", int(rng.integers(0, 300))), Pool("next", limit), Pool("large"))
        for limit in (64, 1000, None)
    ]
    planner = Planner(program, needs)
    for pools in (*several, (Pool("arena"),), *reversed(several)):
        assert planner.plan(pools) == plan(program, needs, pools=pools), f"seed {SEED}, 1, {number}"


def test_random_programs_have_views_of_every_kind():
    """Otherwise the test above would show nothing."""
    found, kept, joined = set(), set(), set()
    for number in range(60):
        rng = np.random.default_rng([SEED, number])
        program = drawn_program(rng, int(rng.integers(1, 30)))
        memory = plan(program, drawn_needs(rng, program))
        joined |= {memory.places[name].kind for name in memory.pitches}
        for step in program.steps:
            places = {memory.places[name].kind for name in (*step.inputs, *step.outputs)}
            kinds = {(step.operator.name, kind) for kind in places}
            (found if memory.is_alias(step) else kept).update(kinds)
    assert {*joined} >= {"arena", "output"}
    names = ("reshape", "transpose", "slice", "concat")
    assert found >= {*itertools.product(names, ("arena", "output"))}
    assert kept >= {(name, "arena") for name in names}
    assert ("slice", "input") in found
    assert ("slice", "state") in found


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4", "esp32"])
def test_real_networks_waste_little(chip, models_dir):
    for name in ("digits", "seed"):
        program = library(name, chip, models_dir).program
        calls = [step.operator.call(program.chip, *step.constants) for step in program.steps]
        needs = {at: call.needs for at, call in enumerate(calls)}
        memory = plan(program, needs)
        simulate(program, memory, needs)
        assert memory.arena_bytes <= 1.05 * memory.lower_bound, name


def test_plan_is_deterministic():
    program = drawn_program(np.random.default_rng(SEED), 20)
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
    memory = plan(program, {index: in_place[index] for index in range(4)})
    assert memory.arena_bytes == memory.lower_bound == 64
    assert len({memory.places[f"v{number}"] for number in range(1, 5)}) == 1
    # The caller's buffer holds all of them, unless it had to be aligned for that.
    assert {*plan(program, in_place).places.values()} == {Place("input", 0), Place("output", 0)}
    aligned = in_place | {0: Needs(in_place=(0,), alignment=16)}
    assert plan(program, aligned).places["v4"].kind == "arena"


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
    needs = {at: Needs(in_place=(0,))}
    memory = plan(program, needs)
    simulate(program, memory, needs)
    assert memory.places["a"] != memory.places["b"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_state_that_follows_another_one_is_kept_before_that_is_new(swapped):
    x, y = Tensor("int8", (1, 64), 0), Tensor("int8", (64, 1), 0)
    steps = (
        Step(Reshape(x, y), ("s",), ("moved",)),
        Step(Reshape(y, x), ("moved",), ("older",)),
        Step(Add(x, x, x), ("x", "t"), ("new",)),
    )
    values = {**dict.fromkeys(("x", "s", "t", "new", "older"), x), "moved": y}
    states = (State("s", "new"), State("t", "older"))
    program = Program(
        *(CHIPS["esp32"], values, ("x",), ("new",), steps),
        states=states[::-1] if swapped else states,
    )
    memory = plan(program)
    simulate(program, memory, {})
    assert memory.places["older"].kind == "arena"


def test_values_are_aligned_as_their_steps_ask():
    program = chain(3)
    needs = {1: Needs(alignment=32, over_read=48), 2: Needs(alignment=16)}
    memory = plan(program, needs)
    simulate(program, memory, needs)
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
