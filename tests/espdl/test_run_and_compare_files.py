"""A dump of an `.espdl` network, with integer inputs and states, equals the file it came from."""

import numpy as np
import pytest
from small_models import attributes, convolution, model, tensor, value, write

from tvm_espdl import debug
from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_espdl
from tvm_espdl.espdl import Node, load


def cache():
    """x, behind the last three frames before it."""
    node = Node(
        "StreamingCache",
        ("x",),
        ("y",),
        attributes(window_size=4, frame_axis=1, quant_type="S8"),
        name="cache",
    )
    values = [value("x", (1, 2, 3), -3), value("y", (1, 5, 3), -3)]
    return model([node], values, ["x"], ["y"])


@pytest.mark.parametrize("make", [convolution, cache])
def test_a_dump_equals_the_file_that_wrote_it(make, tmp_path, capsys):
    (tmp_path / "m.espdl").write_bytes(write(make()))
    (info,) = make().graph.inputs
    shape = info.shape
    np.save(tmp_path / "x.npy", np.arange(np.prod(shape)).reshape(shape).astype(np.int8))
    path, chip = str(tmp_path / "m.espdl"), ("--target_chip", "esp32s3")
    command = ["run", path, "--input", str(tmp_path / "x.npy"), *chip]
    command += ["--output", str(tmp_path / "y.npy"), "--dump", str(tmp_path / "dump")]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["compare", "--model_path", path, "--dump", str(tmp_path / "dump"), *chip]) == 0
    assert " equal, 0 differ" in capsys.readouterr().out


def test_a_later_run_is_compared_from_its_own_states():
    library = compile_espdl(load(write(cache())), "esp32s3")
    source = np.random.default_rng(8)
    frames = [source.integers(-128, 128, (1, 2, 3)).astype(np.int8) for _ in range(4)]
    for frame in frames[:3]:
        library(frame)
    third = library.run_with_intermediates(frames[3])
    library.reset()
    assert debug.compare(library, third).ok
    states = [state.value for state in library.program.states]
    assert states and any(third[name].any() for name in states)
    without = {name: array for name, array in third.items() if name not in states}
    result = debug.compare(library, without)
    assert not result.ok and result.differences
    assert f"{states[0]}: this state is not in the dump" in str(result)


def wide(*steps):
    """A convolution of int16 with stored outputs that are some steps beside the chip's."""
    values = [value("x", (1, 1, 100, 2), 0, "int16"), value("y", (1, 1, 100, 1), 4, "int16")]
    w = tensor("w", np.int16([[[[7], [-3]]]]), 0)
    node = Node("Conv", ("x", "w"), ("y",), attributes(quant_type="S16"), name="conv")
    x = np.random.default_rng(5).integers(-9999, 9999, values[0].shape).astype(np.int16)
    y = (np.floor(x.astype(int) @ [7, -3] / 16 + 0.5)).astype(np.int16)[..., None]
    y.ravel()[: len(steps)] += np.int16(steps)
    tests = {"test_inputs": (tensor("x", x, 0),), "test_outputs": (tensor("y", y, 4),)}
    return model([node], values, ["x"], ["y"], [w], **tests)


@pytest.mark.parametrize(
    ("steps", "status", "hint"),
    [((), 0, False), ((1,), 1, True), ((2,), 1, False), ((1, -1, 1), 1, False)],
)
def test_one_step_of_int16_is_what_a_simulation_in_float_leaves(
    steps, status, hint, tmp_path, capsys
):
    """In a few values: it is no error of either, but no equality."""
    (tmp_path / "m.espdl").write_bytes(write(wide(*steps)))
    assert main(["run", str(tmp_path / "m.espdl"), "--target_chip", "esp32s3"]) == status
    out = capsys.readouterr().out
    assert ("ESP-PPQ's, which simulates int16 in float32" in out) == hint
    assert ("The bits here are the chip's" in out) == hint
    assert out.splitlines()[-1].startswith("FAIL" if status else "PASS")
