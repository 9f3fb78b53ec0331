"""Logs of a board refine the figures: factors are found again, and other logs refused."""

import dataclasses
import json
import os

import numpy as np
import onnx
import pytest
from networks import library, quantized_digits

from tvm_espdl.cli import main
from tvm_espdl.errors import DataError
from tvm_espdl.estimate import evaluate
from tvm_espdl.estimate.calibration import calibrated, load_calibration, save_calibration
from tvm_espdl.estimate.factors import Calibration
from tvm_espdl.files.dump_names import encoded
from tvm_espdl.files.profile_lines import read_profile

#: Of a board that does not exist.
FACTORS = {"esp-dl": 1.4, "portable": 0.5}


def board_log(path, nodes, clock, *, seed=7, noise=0.02):
    """What its firmware prints: the estimate times the factors, and some noise."""
    rng = np.random.default_rng(seed)
    lines = ["I (312) main: started"]
    for index, node in enumerate(nodes):
        cycles = node.milliseconds * clock / 1000 * FACTORS[node.kernel]
        cycles *= 1 + noise * rng.normal()
        lines.append(f"@espdl profile {index} {encoded(node.writes[0])} {round(cycles)}")
    path.write_text("\n".join([*lines, "PASS", ""]))
    return path


def test_factors_of_a_board_are_found(tmp_path):
    lib = library("digits", "esp32s3")
    plain = evaluate(lib)
    log = board_log(tmp_path / "monitor.log", plain.nodes, 240e6)
    found = calibrated(plain.figures, read_profile(log))
    refined = evaluate(lib, calibration=found)
    wanted = sum(node.milliseconds * FACTORS[node.kernel] for node in plain.nodes)
    assert refined.milliseconds == pytest.approx(wanted, rel=0.05), "seed 7"
    assert abs(plain.milliseconds / wanted - 1) > 0.1
    assert refined.error_percent == found.calls_percent < 10
    assert found.factor("esp-dl", "instructions") > 1.1
    assert found.factor("portable", "instructions") < 0.7
    assert "refined by" in " ".join(str(refined).split())
    save_calibration(found, tmp_path / "board.json")
    assert load_calibration(tmp_path / "board.json", "esp32s3") == found
    with pytest.raises(DataError, match="another chip"):
        load_calibration(tmp_path / "board.json", "esp32p4")


def test_an_exact_board_leaves_the_figures_as_they_are(tmp_path):
    plain = evaluate(library("digits", "esp32"))
    lines = [
        f"@espdl profile {index} {encoded(node.writes[0])} {round(node.milliseconds * 240e3)}"
        for index, node in enumerate(plain.nodes)
    ]
    (tmp_path / "monitor.log").write_text("\n".join(lines))
    found = calibrated(plain.figures, read_profile(tmp_path / "monitor.log"))
    assert all(factor == pytest.approx(1, abs=0.01) for factor in found.factors.values())
    assert abs(found.before_percent) < 0.1


#: What a file holds.
WHOLE = dataclasses.asdict(Calibration("esp32s3", {"esp-dl instructions": 1.5}))


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"chip": "esp32s3"}', "[" * 100_000, "9" * 5000, "NaN", "\udcff"),
        json.dumps({"chip": "esp32s3", "factors": {"x": 1}}),
        *(json.dumps({**WHOLE, "factors": wrong}) for wrong in ({"x": 1}, [1])),
        *(
            json.dumps({**WHOLE, "factors": {"esp-dl instructions": wrong}})
            for wrong in (0, -1, 21, True, "1", None, float("nan"), 10**400)
        ),
        *(json.dumps({**WHOLE, name: "1"}) for name in ("calls", "before_percent", "more")),
        json.dumps({**WHOLE, "chip": 3}),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path, content):
    (tmp_path / "board.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match="no calibration"):
        load_calibration(tmp_path / "board.json", "esp32s3")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="no regular file"):
        load_calibration(tmp_path / "pipe", "esp32s3")
    with pytest.raises(DataError, match="no regular file"):
        read_profile(tmp_path / "pipe")


def test_calibrating_on_the_command_line(tmp_path, capsys):
    model, board = tmp_path / "model.onnx", tmp_path / "board.json"
    onnx.save(quantized_digits("esp32s3"), model)
    nodes = evaluate(library("digits", "esp32s3")).nodes
    log = board_log(tmp_path / "monitor.log", nodes, 240e6)
    used = ("--calibration", str(board))
    assert main(["evaluate", str(model), "--calibrate", str(log), *used]) == 0
    first = capsys.readouterr().out
    assert main(["evaluate", str(model), *used]) == 0
    assert capsys.readouterr().out == first
    assert main(["evaluate", str(model), "--calibrate", str(log), *used]) == 2  # It is there.
    other = board_log(tmp_path / "other.log", nodes[3:], 240e6)
    assert main(["evaluate", str(model), "--calibrate", str(other)]) == 2
    assert "another network" in capsys.readouterr().err
