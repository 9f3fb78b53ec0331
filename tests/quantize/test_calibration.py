"""Calibration data: every way to give them, and every way to get them wrong."""

import numpy as np
import pytest
from qdq_networks import floats, network, node, quantize

from tvm_espdl.errors import DataError
from tvm_espdl.quantize import quantize_onnx

DATA = floats(6, 3, 4, 4)
EXTREMES = (float(DATA.min()), float(DATA.max()))


def one_input():
    return network([node("Neg", "x", "y")], {"x": ("N", 3, 4, 4)}, {"y": ("N", 3, 4, 4)})


def two_inputs():
    shapes = {"a": (1, 3), "b": (1, 3)}
    return network([node("Add", "a b", "y")], shapes, {"y": (1, 3)})


def extremes(calibration, model=None):
    report = quantize_onnx(model or one_input(), calibration, measure=False).report
    return report.rows[0].low, report.rows[0].high, report.samples


class Tensor:
    """What another framework's tensor looks like from here."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        del dtype, copy
        return self.array


@pytest.mark.parametrize(
    "calibration",
    [
        DATA,
        {"x": DATA},
        Tensor(DATA),
        list(DATA),
        [sample[np.newaxis] for sample in DATA],
        [{"x": sample} for sample in DATA],
        [DATA[:4], DATA[4:]],
        [Tensor(sample) for sample in DATA],
    ],
    ids=["array", "dict", "tensor", "samples", "batches of 1", "dicts", "batches", "tensors"],
)
def test_sources(calibration):
    assert extremes(calibration) == (*EXTREMES, 6)


def test_samples_may_come_in_the_same_memory():
    memory = np.empty_like(DATA[:1])

    def refilled():
        for sample in DATA:
            memory[0] = sample
            yield memory

    assert extremes(refilled()) == (*EXTREMES, 6)
    models = [quantize_onnx(one_input(), data, measure=False).model for data in (DATA, refilled())]
    assert models[0] == models[1]


def test_float16_is_exact_in_float32():
    half = DATA.astype(np.float16)
    assert extremes(half) == extremes(half.astype(np.float32))


def test_generator():
    assert extremes(sample for sample in DATA) == (*EXTREMES, 6)


def test_files(tmp_path):
    np.save(tmp_path / "c.npy", DATA)
    np.savez(tmp_path / "one.npz", whatever=DATA)
    np.savez(tmp_path / "labelled.npz", x=DATA, labels=np.arange(6))
    for name in ("c.npy", "one.npz", "labelled.npz"):
        assert extremes(tmp_path / name) == (*EXTREMES, 6)
        assert extremes(str(tmp_path / name)) == (*EXTREMES, 6)


def test_two_inputs(tmp_path):
    data = {"a": floats(5, 3), "b": floats(5, 3, seed=1)}
    np.savez(tmp_path / "two.npz", **data)
    expected = (float(data["a"].min()), float(data["a"].max()), 5)
    assert extremes(data, two_inputs()) == expected
    assert extremes(tmp_path / "two.npz", two_inputs()) == expected


def test_a_vector_input_has_no_batch():
    model = network([node("Neg", "x", "y")], {"x": (16,)}, {"y": (16,)})
    assert extremes([floats(16), floats(16, seed=1)], model)[2] == 2
    assert extremes(floats(16), model)[2] == 1


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        (DATA.astype(np.float64), r"'x': wrong data type; found: float64; allowed: float32"),
        ((DATA * 99).astype(np.uint8), r"found: uint8; .*try: array.astype\(numpy.float32\)"),
        (DATA[:, :, :2], r"'x': wrong shape; found: \(6, 3, 2, 4\); allowed: \(N, 3, 4, 4\)"),
        (DATA.transpose(0, 2, 3, 1), "wrong shape"),
        (DATA[0], "add the batch axis"),
        (np.float32(1), "wrong shape"),
        (DATA[:0], "no calibration sample; .*found: 0 samples"),
        ([], "no calibration sample"),
        ({"z": DATA}, "no such input; found: 'z'; allowed: 'x'"),
        ({}, "data for an input are missing"),
        ([(DATA[0], 3)], "calibration sample 0: .*unknown kind; found: tuple; .*image"),
        ([[0.5, 1.0]], "unknown kind; found: list"),
        (7, "unknown kind; found: int"),
        ({"x": [1.0]}, "unknown kind; found: list"),
        (np.where(DATA.max() == DATA, np.float32(np.nan), DATA), "'x', sample .: .*found: 1 NaN"),
        (np.where(DATA.max() == DATA, np.float32(np.inf), DATA), "1 infinite"),
    ],
)
def test_refusals(calibration, words):
    with pytest.raises(DataError, match=words) as problem:
        quantize_onnx(one_input(), calibration)
    for part in ("where", "found", "allowed", "try_"):
        assert getattr(problem.value, part) not in ("", None)


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        (floats(5, 3), "several inputs"),
        ({"a": floats(5, 3)}, "data for an input are missing; found: 'a'; .*try: .*'b'"),
        ({"a": floats(5, 3), "b": floats(4, 3)}, "different numbers of samples"),
    ],
)
def test_refusals_with_two_inputs(calibration, words):
    with pytest.raises(DataError, match=words):
        quantize_onnx(two_inputs(), calibration)


def test_bad_files(tmp_path):
    (tmp_path / "text.npy").write_text("no numbers")
    np.save(tmp_path / "objects.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object))
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    for name in ("text.npy", "objects.npy", "objects.npz", "cut.npz"):
        with pytest.raises(DataError, match=r"cannot be read.*try: .*numpy\.save"):
            quantize_onnx(one_input(), tmp_path / name)
    with pytest.raises(DataError, match="no such calibration file; found: nothing"):
        quantize_onnx(one_input(), tmp_path / "missing.npy")
    np.savez(tmp_path / "other.npz", p=DATA, q=DATA)
    with pytest.raises(DataError, match="found: 'p', 'q'; allowed: 'x'"):
        quantize_onnx(one_input(), tmp_path / "other.npz")


def test_a_tensor_that_is_not_finite_is_named():
    model = network([node("Log", "x", "t"), node("Tanh", "t", "y")], {"x": (1, 4)}, {"y": (1, 4)})
    place = r"node '.*' \(Log\), tensor 't', calibration sample 1: .*"
    with pytest.raises(DataError, match=place + "found: 1 NaN"):
        quantize(model, np.float32([[1, 2, 3, 4], [1, -2, 3, 4]]))
    with pytest.raises(DataError, match=r"0 NaN and 1 infinite of 4 values"):
        quantize(model, np.float32([[1, 2, 3, 0]]))


def test_values_beyond_every_exponent():
    model = network([node("Neg", "x", "y")], {"x": (1, 4)}, {"y": (1, 4)})
    with pytest.raises(DataError, match="tensor 'x': values too large for any exponent"):
        quantize(model, np.float32([[1e30, 0, 0, 0]]))
