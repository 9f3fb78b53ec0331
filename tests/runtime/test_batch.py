"""`run_batch`: the bits of single calls, for any number of samples, types and names."""

import dataclasses
import threading
import time

import numpy as np
import pytest
from networks import digits_arrays, library
from tvm.script import tirx as T

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import DataError
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Native, Program, State, Step
from tvm_espdl.relay.build_library import library_of

INT16 = Tensor("int16", (1, 3, 5), -4)
INT8 = Tensor("int8", (7,), -2)
HOSTILE = ('a "b" \\ %s\n', "größe/0:x", "")


def numbers(tensor, count, seed):
    print("seed", seed)
    rng = np.random.default_rng(seed)
    limits = np.iinfo(tensor.dtype)
    shape = tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape
    return rng.integers(limits.min, limits.max, (count, *shape), tensor.dtype, endpoint=True)


def one(xs, number, tensor):
    return xs[number].reshape(tensor.shape)


def several():
    """Two inputs of int16 and one of int8 without a batch axis; three outputs, one twice."""
    add, relu = operators()["add"](INT16, INT16, INT16), operators()["relu"](INT8, INT8)
    steps = (Step(add, ("a", "b"), ("s",)), Step(relu, ("c",), ("r",)))
    values = {"a": INT16, "b": INT16, "c": INT8, "s": INT16, "r": INT8}
    program = Program(find_chip("esp32p4"), values, ("a", "b", "c"), ("s", "r", "s"), steps)
    names = {"input_names": HOSTILE, "output_names": ("s", "r", "t")}
    return library_of(dataclasses.replace(program, **names))


@T.prim_func(private=True)
def negated(x: T.Buffer((7,), "int8"), y: T.Buffer((7,), "int8")):
    for i in range(7):
        y[i] = T.int8(0) - x[i]


def test_the_bits_of_single_calls():
    network, xs = library("digits", "esp32s3"), digits_arrays()["images"][:37]
    found = network.run_batch(xs)
    wanted = np.concatenate([network(x[None]) for x in xs])
    np.testing.assert_array_equal(found, wanted)
    (name,) = network.input_names
    np.testing.assert_array_equal(network.run_batch({name: xs}), wanted)
    np.testing.assert_array_equal(network.run_batch([np.asfortranarray(xs)]), wanted)


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one(count):
    network, xs = library("digits", "esp32s3"), digits_arrays()["images"][:count]
    found = network.run_batch(xs)
    assert found.shape == (count, 10)
    assert found.dtype == np.float32
    for result, x in zip(found, xs, strict=True):
        np.testing.assert_array_equal(result, network(x[None])[0])


def test_types_that_a_call_takes(tmp_path):
    network, xs = library("digits", "esp32s3"), digits_arrays()["images"][:9]
    halves = xs.astype(np.float16)
    wanted = network.run_batch(halves.astype(np.float32))
    np.testing.assert_array_equal(network.run_batch(halves), wanted)
    integers = np.random.default_rng(4).integers(-128, 128, xs.shape).astype(np.int8)
    wanted = np.concatenate([network(x[None]) for x in integers])
    np.testing.assert_array_equal(network.run_batch(integers), wanted)
    np.save(tmp_path / "x.npy", xs)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(network.run_batch(mapped), network.run_batch(xs))


@pytest.mark.parametrize("count", [0, 1, 23])
def test_several_inputs_and_outputs_of_int16_with_any_name(count):
    network = several()
    tensors = (INT16, INT16, INT8)
    xs = {
        name: numbers(tensor, count, seed)
        for seed, (name, tensor) in enumerate(zip(HOSTILE, tensors, strict=True))
    }
    results = network.run_batch(xs)
    assert [r.shape for r in results] == [(count, 3, 5), (count, 7), (count, 3, 5)]
    for n in range(count):
        single = network.run(
            [one(x, n, t) for x, t in zip(xs.values(), tensors, strict=True)],
        )
        for result, wanted in zip(results, single, strict=True):
            np.testing.assert_array_equal(result[n].ravel(), wanted.ravel())


def test_one_compiled_function_and_functions_of_tvm():
    """The first is called with many samples at once, the second sample by sample."""
    relu = Step(operators()["relu"](INT8, INT8), ("x",), ("y",))
    native = Step(Native(negated, (INT8,), (INT8,)), ("y",), ("z",))
    xs = numbers(INT8, 50, 8)
    for steps, wanted in (((relu,), np.maximum(xs, 0)), ((relu, native), -np.maximum(xs, 0))):
        values = dict.fromkeys(("x", "y", "z"), INT8)
        output = steps[-1].outputs
        network = library_of(Program(find_chip("esp32"), values, ("x",), output, steps))
        assert (network.executor.direct is not None) == (len(steps) == 1)
        np.testing.assert_array_equal(network.run_batch(xs), wanted)


def test_states_go_from_one_sample_to_the_next():
    add = operators()["add"](INT8, INT8, INT8)
    steps = (Step(add, ("x", "s"), ("y",)),)
    values = {"x": INT8, "s": INT8, "y": INT8}
    program = Program(
        find_chip("esp32s3"), values, ("x",), ("y",), steps, states=(State("s", "y"),)
    )
    network, other = library_of(program), library_of(program)
    xs = numbers(INT8, 12, 9) // 16
    first, second = network.run_batch(xs[:5]), network.run_batch(xs[5:])
    wanted = np.stack([other(x) for x in xs])
    np.testing.assert_array_equal(np.concatenate([first, second]), wanted)
    network.reset()
    np.testing.assert_array_equal(network.run_batch(xs), wanted)
    np.testing.assert_array_equal(network(xs[0]), other(xs[0]))  # both continue


def test_progress(capsys):
    network, xs = library("digits", "esp32s3"), digits_arrays()["images"][:20]
    seen = []
    network.run_batch(xs, progress=lambda *numbers: seen.append(numbers))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (20, 20)
    network.run_batch(xs, progress=False)
    network.run_batch(xs)  # no terminal
    assert capsys.readouterr().err == ""
    network.run_batch(xs, progress=True)
    captured = capsys.readouterr()
    assert "samples [" in captured.err
    assert captured.out == ""


def test_it_ends_soon_when_the_user_interrupts():
    network = library("digits", "esp32s3")
    xs = np.zeros((400_000, *digits_arrays()["images"].shape[1:]), np.float32)

    def interrupt(done, total):
        raise KeyboardInterrupt

    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        network.run_batch(xs, progress=interrupt)
    assert time.perf_counter() - begin < 3  # all take at least 5 s
    assert not [t for t in threading.enumerate() if t.name == "espdl batch"]


def test_an_error_in_a_thread_is_raised(monkeypatch):
    network = library("digits", "esp32s3")

    def fail(*_):
        raise MemoryError("none left")

    monkeypatch.setattr(network.executor.direct, "run_many", fail)
    with pytest.raises(MemoryError, match="none left"):
        network.run_batch(digits_arrays()["images"][:3])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((3, 1, 8, 7), np.float32), "wrong shape.*samples"),
        (np.float32(1), "wrong shape"),
        (np.zeros((3, 1, 8, 8), np.float64), r"wrong dtype.*astype\('float32'\)"),
        ({"nobody": np.zeros((3, 1, 8, 8), np.float32)}, "do not fit"),
        ([], "number of inputs"),
        ((x for x in [1.0]), r"found: generator: its items are read only once; .*numpy\.stack"),
        ([[np.zeros((1, 8, 8)), np.zeros((1, 8, 7))]], "found: list: .*inhomogeneous"),
        ([[None]], "found: list: its items are no numbers"),
    ],
)
def test_what_does_not_fit(given, message):
    with pytest.raises(DataError, match=message):
        library("digits", "esp32s3").run_batch(given)


def test_different_numbers_of_samples():
    xs = [numbers(INT16, 3, 1), numbers(INT16, 4, 2), numbers(INT8, 3, 3)]
    with pytest.raises(DataError, match=r"(?s)different numbers of samples.*größe/0:x: 4"):
        several().run_batch(xs)
