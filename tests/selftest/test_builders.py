"""Vectors of other folders: what one lacks is one error with its name; rules mean to differ."""

import json
import re

import numpy as np
import pytest

from tvm_espdl.chips import FAMILIES, find_chip
from tvm_espdl.cli import main
from tvm_espdl.errors import DataError
from tvm_espdl.ops import operators
from tvm_espdl.selftest import sequences
from tvm_espdl.selftest.builders import BUILDERS, trials_of
from tvm_espdl.selftest.golden import load
from tvm_espdl.selftest.trial import difference


def entry(op, inputs, output, attrs=None, **more):
    """An entry of the index, and the arrays of its file."""
    arrays = {name: array for name, (array, _) in inputs.items()}
    y, exponent = output
    return {
        "file": "one.npz",
        "op": op,
        "dtype": str(next(iter(arrays.values())).dtype),
        "inputs": {name: {"exponent": exponent} for name, (_, exponent) in inputs.items()},
        "attrs": attrs or {},
        "output_dtype": str(y.dtype),
        "output_shape": list(y.shape),
        "output_exponent": exponent,
        "outputs": dict.fromkeys(FAMILIES.values(), "y"),
        **more,
    }, {**arrays, "y": y}


def written(folder, case):
    described, arrays = case
    np.savez(folder / described["file"], **arrays)
    (folder / "index.json").write_text(json.dumps({"cases": [described]}))
    return folder


def run(folder, case, capsys, engine="numpy"):
    status = main(["selftest", "--golden", str(written(folder, case)), "--engine", engine])
    printed = capsys.readouterr()
    return status, printed.out.splitlines(), printed.err


X = np.arange(-4, 4, dtype=np.int8).reshape(1, 2, 4)
TABLE = np.arange(256).astype(np.uint8).view(np.int8)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (entry("reduce_sum", {"x": (X, 0)}, (X[..., :1], 0)), "no attribute 'axes'"),
        (entry("gather", {"x": (X, 0)}, (X, 0), {"axis": 0}), "no array 'indices'"),
        (entry("softmax", {"x": (X, -1)}, (X.astype(np.float32), None)), "no attribute 'axis'"),
        (entry("layer_norm", {"x": (X, 0)}, (X, 0), {"epsilon": 1e-5}), "no attribute 'axis'"),
        (entry("split", {"x": (X, 0)}, (X, 0), {"axis": 7}), "no such axis.*7"),
        (
            entry("lut", {"x": (X, 0), "table": (TABLE[:255], 0)}, (X, 0)),
            r"array 'table' does not fit.*int8 \(255,\).*int8 \(256,\)",
        ),
        (
            entry(
                "gelu", {"x": (X.astype(np.int16), 0), "table": (TABLE, 0)}, (X, 0), {"step": 16}
            ),
            r"'table' does not fit.*int8 \(256,\).*\(4097,\)",
        ),
        (
            entry("gru", {"x": (X.reshape(2, 1, 4), 0)}, (X.reshape(2, 1, 1, 4), -7)),
            "no array 'w'",
        ),
        (
            entry("streaming_cache", {"x": (X, 0)}, (np.repeat(X, 2, 1), 0), steps=2),
            "no array 'y@1'|no array 'x@1'",
        ),
        (entry("conv2d", {"x": (X, 0)}, (X, 0)), "no array 'w'"),
        (
            entry("pad", {"x": (X, 0)}, (X, 0), {"pads": [0, 0]}),
            "another number of axes.*6 of them",
        ),
    ],
    ids=lambda value: value[0]["op"] if isinstance(value, tuple) else "",
)
def test_what_a_vector_lacks_is_one_error_with_its_name(case, said, tmp_path, capsys):
    status, out, error = run(tmp_path, case, capsys)
    assert (status, out) == (2, [])
    assert error.count("\n") == 1 and error.startswith("tvm-espdl: error:")
    assert f"vector one ({case[0]['op']})" in error
    assert re.search(said, error), error


@pytest.mark.parametrize("name", sorted(operators()))
def test_every_operator_has_a_builder_of_its_own_name(name):
    """Of records, where it is declared; else by hand."""
    assert name in BUILDERS or name in sequences.BUILDERS


def test_a_rule_that_no_engine_goes_without_is_the_failure(tmp_path, capsys):
    """An int16 convolution with a bias of int32: one sentence about its type, on all chips."""
    x = np.ones((1, 3, 3, 2), np.int16)
    w, b = np.ones((4, 2, 1, 1), np.int16), np.ones(4, np.int32)
    y = np.full((1, 3, 3, 4), 3, np.int16)
    case = entry("conv2d", {"x": (x, 0), "w": (w, 0), "b": (b, 0)}, (y, 0))
    for engine in ("numpy", "host"):
        status, out, error = run(tmp_path, case, capsys, engine)
        assert (status, error, out[-1]) == (1, "", "0 passed, 3 failed, 0 skipped")
        sentence = "The bias is int32 for int8 data and int64 for int16 data. Found: int32 bias"
        assert [sentence in line and line.count("Found:") == 1 for line in out[:-1]] == [True] * 3


def test_where_esp_dl_goes_wrong_a_difference_is_skipped(tmp_path, capsys):
    """ReduceL2 below an exponent of -15: the rule is named, and equal results still pass."""
    x = np.full((1, 4), 100, np.int8)
    for expected, line in ((127, "0 passed, 0 failed, 3 skipped"), (25, "3 passed, 0 failed")):
        y = np.array([[expected]], np.int8)
        case = entry("reduce_l2", {"x": (x, -16)}, (y, -13), {"axes": [1]})
        status, out, _ = run(tmp_path, case, capsys)
        assert status == 0 and out[-1].startswith(line)
        assert all("twice the input's" in text and "skipped" in text for text in out[:-1])
        assert len(out) == (4 if expected == 127 else 1)


def test_a_case_of_several_runs_is_one_outcome_and_names_the_call(tmp_path, capsys):
    frames = [np.full((1, 1, 2), n, np.int16) for n in (3, 4, 5)]
    joined = [np.concatenate(pair, 1) for pair in zip([0 * frames[0], *frames], frames)]  # noqa: B905
    described, _ = entry(
        "streaming_cache",
        {"x": (frames[0], -5)},
        (joined[0], -5),
        {"window_size": 2, "frame_axis": 1},
        steps=3,
    )
    arrays = {"x": frames[0], "x@1": frames[1], "x@2": frames[2]}
    arrays |= {"y": joined[0], "y@1": joined[1], "y@2": joined[2]}
    assert run(tmp_path, (described, arrays), capsys)[:2] == (0, ["3 passed, 0 failed, 0 skipped"])
    (case,) = load(tmp_path)
    labels = [trial.label for trial in trials_of(case, "c")]
    assert labels == ["run_0", "run_0_kept", "run_1", "run_1_kept", "run_2"]
    wrong = {**arrays, "y@2": joined[2] + np.int16(joined[2] == 5)}
    status, out, _ = run(tmp_path, (described, wrong), capsys)
    assert (status, out[-1]) == (1, "0 passed, 3 failed, 0 skipped")
    assert out[0].startswith("one on esp32: run_2: 2 of 4 values differ")


def test_attributes_are_those_of_nodes():
    """Axes from the end, windows of signals, both orders of pads, parts by any name."""
    cases = {case.name: case for case in load()}
    seen = {(case.operator, name) for case in cases.values() for name in case.entry["attrs"]}
    assert {("maxpool_1d", "pads"), ("concat_many", "axis"), ("gru", "layout")} <= seen
    chip = find_chip("esp32p4")
    for case in cases.values():
        for trial in trials_of(case, chip.family) or ():
            assert trial.difference(trial.operator.reference(chip, *trial.arrays)) == "", case.name
    # 1e-6 for the logarithm of a probability near 1, of which nothing is left but rounding.
    near, far = np.float32([0, -1e-6]), np.float32([0, -2e-6])
    zero = np.zeros(2, np.float32)
    assert difference(near, zero, inexact=True, absolute=1e-6) == ""
    assert difference(far, zero, inexact=True, absolute=1e-6) != ""
    with pytest.raises(DataError, match="no attribute 'nothing'"):
        next(iter(cases.values())).attribute("nothing")


@pytest.mark.parametrize(
    "case",
    [
        entry("clip", {"x": (X, 0)}, (np.maximum(X, -1), 0), {"min": -1}),
        entry("clip", {"x": (X, 0)}, (np.minimum(X, 2), 0), {"max": 2}),
        entry(
            "insert_zeros",
            {"x": (np.int8([[[[3]], [[4]]]]), 0)},
            (np.int8([[[[3]], [[0]], [[4]]]]), 0),
            {"stride": [2]},
        ),
        entry(
            "resize_linear",
            {"x": (np.int8([[[0], [8]]]), 0)},
            (np.int8([[[0], [4], [8]]]), 0),
            {"coordinate_transformation_mode": "align_corners"},
        ),
        entry(
            "gather", {"x": (X, 0), "indices": (np.int64([3]), None)}, (X[..., 3:], 0), {"axis": -1}
        ),
        entry(
            "split",
            {"x": (X, 0)},
            (X[:, :1], 0),
            {"axis": 1},
            more_outputs={
                "b": {
                    "outputs": dict.fromkeys(FAMILIES.values(), "y"),
                    "dtype": "int8",
                    "exponent": 0,
                }
            },
        ),
        entry("identity", {"x": (X, -3)}, (X, -3)),
    ],
    ids=lambda case: case[0]["op"],
)
def test_what_nodes_may_leave_out(case, tmp_path, capsys):
    """A limit, a stride for each axis, names of the record's own, axes from the front, sizes."""
    described, arrays = case
    if described["op"] == "split":  # both parts are the first one, which is wrong of the second
        assert run(tmp_path, case, capsys)[0] == 1
        arrays = {**arrays, "x": np.repeat(X[:, :1], 2, 1)}
    assert run(tmp_path, (described, arrays), capsys)[:2] == (0, ["3 passed, 0 failed, 0 skipped"])
