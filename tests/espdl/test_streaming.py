"""Networks that keep frames between runs: fed frame by frame they are the network of the whole."""

import functools
import subprocess

import numpy as np
import pytest
import tvm
from network_in_c import run_network
from small_models import attributes, model, value, write

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.errors import EspdlWarning, ModelError
from tvm_espdl.espdl import Node, load
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.vectors import inputs_of
from tvm_espdl.legacy.debug_executor import GraphModuleDebug
from tvm_espdl.legacy.graph_executor import GraphModule
from tvm_espdl.program import reference
from tvm_espdl.toolchain.network import build_project

STEM = "examples_tutorial_how_to_deploy_streaming_model_test_streaming_model_main_models"
CHIPS = ("esp32s3", "esp32p4")
FRAMES, CHUNK, CHANNELS = 24, 3, 16


def cached(shape=(1, 2, 3), dtype="int8", window=4, axis=1):
    """A file: x, behind the last `window - 1` frames before it."""
    node = Node(
        "StreamingCache",
        ("x",),
        ("y",),
        attributes(window_size=window, frame_axis=axis, quant_type="S8"),
        name="cache",
    )
    whole = tuple(extent + (window - 1) * (a == axis) for a, extent in enumerate(shape))
    values = [value("x", shape, -3, dtype), value("y", whole, -3, dtype)]
    return write(model([node], values, ["x"], ["y"]))


def compile_cached(*given, **named):
    return compile_espdl(load(cached(*given, **named)), "esp32s3")


def sequence(source, count, shape=(1, 2, 3), dtype="int8"):
    limits = np.iinfo(dtype)
    size = (count, *shape)
    return list(source.integers(limits.min, limits.max + 1, size).astype(dtype))


@functools.cache
def published(folder, chip, name):
    return load(folder / "espdl" / f"{STEM}_{chip}_{name}.espdl")


@functools.cache
def library(folder, chip, name):
    return compile_espdl(published(folder, chip, name), chip)


def chunks(whole):
    return [whole[:, start : start + CHUNK] for start in range(0, FRAMES, CHUNK)]


def wholes(folder, chip, seed=3):
    """The stored test input, and random ones."""
    stored = next(iter(inputs_of(published(folder, chip, "model")).values()))
    assert stored.shape == (1, FRAMES, CHANNELS)
    source = np.random.default_rng(seed)
    print("seed", seed)
    return [stored, *(source.integers(-128, 128, (3, *stored.shape)).astype(np.int8))]


@pytest.mark.parametrize("chip", CHIPS)
def test_frame_by_frame_gives_what_the_whole_sequence_gives(models_dir, chip, c_compiler):
    whole, streaming = (library(models_dir, chip, n) for n in ("model", "streaming_model"))
    given = wholes(models_dir, chip)
    by_reference = program_of(published(models_dir, chip, "streaming_model"), find_chip(chip))
    parts = [[chunk] for sequence_ in given for chunk in chunks(sequence_)]
    starts = range(0, len(parts), FRAMES // CHUNK)
    in_c = run_network(streaming.program, parts, c_compiler, resets=starts)
    for start, x in zip(starts, given, strict=True):
        streaming.reset()
        states = {}
        for number, chunk in enumerate(chunks(x), start):
            result = streaming(chunk)
            values = reference.run(by_reference, {"input.1": chunk}, states)
            states = {state.value: values[state.next] for state in by_reference.states}
            assert np.array_equal(result, values["164"])
            assert np.array_equal(result, in_c[number][0])
        assert np.array_equal(result, whole(x))


def test_every_tensor_of_the_frames_is_a_part_of_the_whole(models_dir):
    whole, streaming = (library(models_dir, "esp32s3", n) for n in ("model", "streaming_model"))
    x = wholes(models_dir, "esp32s3")[1]
    names = ["/prev_conv/Conv_output_0", "/layer/layer.3/Mul_output_0", "/Add_output_0"]
    names.append("/out_conv/Conv_output_0")
    expected = whole.run_with_intermediates(x)
    streaming.reset()
    seen = []
    for chunk in chunks(x):
        seen.append(streaming.run_with_intermediates(chunk))
        streaming.report(chunk)
        streaming(chunk)
    for name in names:
        assert np.array_equal(np.concatenate([s[name] for s in seen], 1), expected[name]), name


@pytest.mark.parametrize(
    ("shape", "axis", "dtype"),
    [
        ((1, 2, 3), 1, "int8"),
        ((1, 1, 5), -1, "int16"),
        ((2, 7), 0, "int16"),
        ((1, 9, 1), 1, "int8"),
    ],
)
def test_the_cache_holds_the_last_frames(shape, axis, dtype):
    """More or fewer frames than the cache holds; any axis that is the outermost in memory."""
    network = compile_cached(shape, dtype, axis=axis)
    source = np.random.default_rng(5)
    axis %= len(shape)
    history = np.zeros((*shape[:axis], 3, *shape[axis + 1 :]), dtype)
    for frame in sequence(source, 4, shape, dtype):
        history = np.concatenate([history, frame], axis)
        kept = 3 + frame.shape[axis]
        last = history.take(range(history.shape[axis] - kept, history.shape[axis]), axis)
        assert np.array_equal(network(frame), last)


def test_a_window_of_one_frame_keeps_nothing():
    network = compile_cached(window=1)
    assert network.program.states == ()
    x = sequence(np.random.default_rng(6), 1)[0]
    assert np.array_equal(network(x), x)


def test_reset_returns_to_the_start():
    network = compile_cached()
    frames = sequence(np.random.default_rng(7), 3)
    first = [network(frame) for frame in frames]
    assert not np.array_equal(network(frames[0]), first[0])
    network.reset()
    assert all(np.array_equal(network(f), r) for f, r in zip(frames, first, strict=True))


def test_looking_does_not_advance():
    network = compile_cached()
    frames = sequence(np.random.default_rng(8), 2)
    network(frames[0])
    seen = network.run_with_intermediates(frames[1])
    network.report(frames[1])
    first = network.first_run([frames[1]])[0]
    assert not first[0, :3].any()
    result = network(frames[1])
    assert np.array_equal(seen["y"], result)
    assert np.array_equal(seen["y_cache"], result[:, :3])
    assert np.array_equal(seen["y_cache_next"], result[:, -3:])


def test_the_old_executors_keep_states_too():
    network = compile_cached()
    frames = sequence(np.random.default_rng(9), 3)
    expected = [network(frame) for frame in frames]
    network.reset()
    plain = GraphModule(network["default"](None))
    watched = GraphModuleDebug(network["debug_create"]("default", None))
    for module, frame, result in zip((plain, watched, plain), frames, expected, strict=True):
        module.run(x=frame)
        assert np.array_equal(module.get_output(0).numpy(), result)
    assert np.array_equal(watched.debug_get_output("y").numpy(), expected[1])


def test_tvm_users_see_the_states():
    mod, _ = relay.frontend.from_espdl(cached(), "esp32s3")
    main = mod["main"]
    assert [list(pair) for pair in main.attrs["espdl.states"]] == [["y_cache", "y_cache_next"]]
    machine = tvm.relax.VirtualMachine(tvm.compile(mod, target="espressif/esp32s3"), tvm.cpu())
    frame = np.full((1, 2, 3), 7, np.int8)
    state = np.arange(9, dtype=np.int8).reshape(1, 3, 3)
    y, following = machine["main"](tvm.runtime.tensor(frame), tvm.runtime.tensor(state))
    assert np.array_equal(y.numpy(), np.concatenate([state, frame], 1))
    assert np.array_equal(following.numpy(), y.numpy()[:, -3:])


def test_an_exported_project_checks_one_run_from_the_start(tmp_path, c_compiler):
    network = compile_cached()
    frames = sequence(np.random.default_rng(10), 2)
    network(frames[0])
    folder = network.export_project(tmp_path / "project", sample_input=frames[1])
    header = next(folder.rglob("tvmgen_default.h")).read_text()
    assert "keeps 9 bytes" in header and "void tvmgen_default_reset(void);" in header
    build_project(folder, tmp_path / "program", c_compiler)
    run = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True)
    assert run.stdout.endswith("PASS\n")
    assert network(frames[1])[0, :3].any()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dtype": "float32"}, "a cache of integers"),
        ({"window": 0}, "a cache of integers"),
        ({"axis": 3}, "no such axis"),
    ],
)
def test_caches_that_no_chip_keeps(given, said):
    with pytest.raises(ModelError, match=said):
        program_of(load(cached(**given)), find_chip("esp32s3"))


def test_a_cache_along_an_inner_axis():
    """The chip fills it as if the axis were the outermost; C and PC keep frames along their own."""
    frames = [np.arange(6, dtype=np.int8).reshape(1, 2, 3) + 10 * n for n in range(3)]
    with pytest.warns(EspdlWarning, match="as if its axis were the outermost.*frame_axis 2"):
        network = compile_cached(axis=2, window=3)
    found = [network(frame) for frame in frames]
    zeros = np.zeros((1, 2, 2), np.int8)
    whole = np.concatenate([zeros, *frames], 2)
    for number, result in enumerate(found):
        assert np.array_equal(result, whole[:, :, 3 * number : 3 * number + 5])
    in_c = run_network(network.program, [network.feed([frame]) for frame in frames])
    assert all(np.array_equal(a, b) for (a,), b in zip(in_c, found, strict=True))
    with pytest.raises(ModelError, match="cannot keep this state"):
        network.save_espdl("never.espdl")
