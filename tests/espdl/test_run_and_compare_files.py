"""A dump of an `.espdl` network, with integer inputs and states, equals the file it came from."""

import numpy as np
import pytest
from small_models import attributes, convolution, model, value, write

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
