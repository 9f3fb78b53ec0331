"""Calibration data as a stream: every source, in how much memory, and what is refused."""

import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from qdq_networks import floats

from tvm_espdl.errors import DataError, EspdlWarning
from tvm_espdl.samples import (
    FEW_SAMPLES,
    ImageFolder,
    SeveralPasses,
    archive,
    can_reopen,
    read_samples,
)

F32 = np.dtype(np.float32)
ONE = {"x": ((1, 3, 4, 4), F32)}
TWO = {"a": ((1, 3), F32), "b": ((1, 2), np.dtype(np.int64))}
DATA = floats(20, 3, 4, 4)
PAIR = {"a": floats(20, 3), "b": np.arange(40).reshape(20, 2)}


def stacked(calibration, signature=ONE):
    samples = list(read_samples(calibration, signature))
    for sample in samples:
        assert {k: (v.shape, v.dtype) for k, v in sample.items()} == signature
    return {name: np.concatenate([s[name] for s in samples]) for name in signature}


def write(folder, kind, data=DATA):
    path = folder / f"data_{kind}.npz"
    if kind == "npy":
        path = folder / "data.npy"
        np.save(path, data)
    elif kind == "npz":
        np.savez(path, x=data)
    elif kind == "compressed":
        np.savez_compressed(path, x=data)
    elif kind == "fortran":
        np.savez(path, x=np.asfortranarray(data))
    else:
        path = folder / "samples"
        (path / "more").mkdir(parents=True)
        for number, sample in enumerate(data):
            # With and without the batch axis, in both kinds of file, sorted by name.
            place = path / "more" if number >= 10 else path
            if number % 2:
                np.save(place / f"{number:05}.npy", sample)
            else:
                np.savez(place / f"{number:05}.npz", x=sample[np.newaxis])
    return path


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed", "fortran", "folder"])
def test_files_hold_the_same_samples_in_the_same_order(kind, tmp_path):
    path = write(tmp_path, kind)
    np.testing.assert_array_equal(stacked(path)["x"], DATA)
    np.testing.assert_array_equal(stacked(str(path))["x"], DATA)


def test_several_inputs(tmp_path):
    np.savez_compressed(tmp_path / "two.npz", **PAIR, labels=np.arange(20))
    folder = tmp_path / "folder"
    folder.mkdir()
    for n in range(20):
        np.savez(folder / f"{n:02}.npz", a=PAIR["a"][n], b=PAIR["b"][n])
    rows = ({"a": PAIR["a"][n], "b": PAIR["b"][n : n + 1]} for n in range(20))
    for calibration in (PAIR, tmp_path / "two.npz", folder, rows):
        found = stacked(calibration, TWO)
        for name, expected in PAIR.items():
            np.testing.assert_array_equal(found[name], expected)


def test_inputs_without_a_batch_axis(tmp_path):
    """Sequences, whose first axis are steps: one array is one sample, or they are stacked."""
    signature = {"x": ((7, 1, 3), F32), "h": ((1, 1, 2), F32)}
    data = {"x": floats(9, 7, 1, 3), "h": floats(9, 1, 2)}
    np.savez(tmp_path / "stacked.npz", **data)
    rows = [{"x": x, "h": h[np.newaxis]} for x, h in zip(data["x"], data["h"], strict=True)]
    for calibration in (data, tmp_path / "stacked.npz", rows):
        samples = list(read_samples(calibration, signature))
        assert len(samples) == 9
        np.testing.assert_array_equal([sample["x"] for sample in samples], data["x"])
        np.testing.assert_array_equal(np.concatenate([s["h"] for s in samples]), data["h"])
    alone = {"x": ((7, 3), F32)}
    (sample,) = read_samples(floats(7, 3), alone, again=True)
    assert sample["x"].shape == (7, 3)
    with pytest.raises(DataError, match=r"wrong shape; found: \(9, 7, 2\); allowed: \(7, 3\)"):
        list(read_samples(floats(9, 7, 2), alone))


def test_hidden_files_are_left_out(tmp_path):
    path = write(tmp_path, "folder")
    (path / ".DS_Store").write_bytes(b"nothing")
    (path / ".old").mkdir()
    np.save(path / ".old" / "000.npy", DATA[0])
    assert len(list(read_samples(path, ONE))) == 20


class Again:
    """Gives a new iterator each time, as a data loader does."""

    def __iter__(self):
        return iter(DATA)


def test_what_can_be_opened_again(tmp_path):
    path = write(tmp_path, "npz")
    for calibration in (DATA, {"x": DATA}, list(DATA), Again(), path, str(path)):
        assert can_reopen(calibration)
        np.testing.assert_array_equal(stacked(calibration)["x"], stacked(calibration)["x"])
    assert can_reopen(ImageFolder(tmp_path))
    for calibration in (iter(DATA), (x for x in DATA), map(np.asarray, DATA)):
        assert not can_reopen(calibration)
    assert not can_reopen(iter(Again()))


@pytest.mark.parametrize("kind", ["npz", "folder", "generator"])
def test_several_passes_read_again_what_can_be_read_again(kind, tmp_path):
    source = (x for x in DATA[:5]) if kind == "generator" else write(tmp_path, kind, DATA[:5])
    with pytest.warns(EspdlWarning, match="only 5 calibration samples") as caught:
        passes = SeveralPasses(source, ONE)
        firsts = [np.concatenate([sample["x"] for sample in passes]) for _ in range(3)]
    assert len(caught) == 1
    for first in firsts:
        np.testing.assert_array_equal(first, DATA[:5])
    kept = next(iter(passes)) is next(iter(passes))
    assert kept == (kind == "generator")


def write_batches(folder, data):
    """Ten files in both formats, the last one with most of the samples."""
    for number, batch in enumerate([*data[:9, np.newaxis], data[9:]]):
        if number % 2:
            np.savez(folder / f"{number}.npz", x=batch)
        else:
            np.save(folder / f"{number}.npy", batch)
    return folder


def peak(calibration):
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_samples(calibration, ONE))
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed", "dict", "folder", "generator"])
def test_memory_does_not_grow_with_the_number_of_samples(kind, tmp_path):
    """The 10,000 samples have 1.9 MB, of which a reader may hold one and some buffers."""
    used = {}
    for count in (10, 10_000):
        data = np.resize(DATA, (count, 3, 4, 4))
        folder = tmp_path / str(count)
        folder.mkdir()
        calibration = (
            (np.array(sample) for sample in data)
            if kind == "generator"
            else {"x": write(folder, "npy", data)}
            if kind == "dict"
            else write_batches(folder, data)
            if kind == "folder"
            else write(folder, kind, data)
        )
        found, used[count] = peak(calibration)
        assert found == count
    assert used[10_000] < used[10] + 100_000, used


def test_few_samples_are_warned_about_once():
    with pytest.warns(EspdlWarning, match="only 1 calibration sample;") as caught:
        list(read_samples(DATA[:1], ONE))
    assert len(caught) == 1
    with pytest.warns(EspdlWarning, match=f"only {FEW_SAMPLES - 1} calibration samples;"):
        list(read_samples(DATA[: FEW_SAMPLES - 1], ONE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(read_samples(DATA[: FEW_SAMPLES - 1], ONE, again=True))
        list(read_samples(DATA[:FEW_SAMPLES], ONE))


def with_value(value):
    data = DATA.copy()
    data[7, 1, 2, 3] = value
    return data


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        ([], r"no calibration sample; found: 0 samples; .*try: pass an array"),
        (DATA[:0], "no calibration sample"),
        (iter(()), "no calibration sample"),
        (with_value(np.nan), "input 'x', sample 7: .*not finite; found: 1 NaN and 0 infinite"),
        (with_value(-np.inf), "input 'x', sample 7: .*found: 0 NaN and 1 infinite"),
        (list(with_value(np.nan)), "calibration sample 7, input 'x'"),
        ((DATA * 9).astype(np.uint8), r"found: uint8; allowed: float32; try: .*/ 255.*ImageFolder"),
        (DATA.astype(np.float64), r"found: float64; .*try: array.astype\(numpy.float32\), scaled"),
        (np.full((9, 3, 4, 4), "a"), "found: <U1; allowed: float32; try: give plain numbers"),
        (DATA.astype(np.complex64), "found: complex64; allowed: float32; try: give plain numbers"),
        (DATA.astype(">f4"), "found: >f4; allowed: float32"),
        (DATA.transpose(0, 2, 3, 1), r"wrong shape; .*moveaxis\(array, -1, 1\)"),
        (DATA[:, :1], r"found: \(20, 1, 4, 4\); .*takes 3 channels .* axis 1, the data have 1"),
        (DATA[:, :, :2], "wrong shape; .*layout and size"),
        (DATA[0], "add the batch axis"),
        ([DATA[0], DATA[0, 0]], "calibration sample 1, input 'x': wrong shape"),
    ],
)  # fmt: skip
def test_refusals(calibration, words):
    with pytest.raises(DataError, match=words) as problem:
        list(read_samples(calibration, ONE))
    for part in ("where", "found", "allowed", "try_"):
        assert getattr(problem.value, part) not in ("", None)


def test_channels_first_for_a_model_with_channels_last():
    with pytest.raises(DataError, match=r"channels are first: numpy.moveaxis\(array, 1, -1\)"):
        list(read_samples(floats(8, 3, 4, 5), {"x": ((1, 4, 5, 3), F32)}))


def test_damaged_archives(tmp_path):
    path = write(tmp_path, "npz", np.zeros((40, 3, 4, 4), np.float32))
    data = bytearray(path.read_bytes())
    data[4000] ^= 1  # in the data, which their checksum covers
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"cannot be read; found: Bad CRC-32.*try: write it with"):
        list(read_samples(path, ONE))
    with zipfile.ZipFile(tmp_path / "short.npz", "w") as archive:
        with archive.open("x.npy", "w") as stream:
            np.lib.format.write_array(stream, DATA)
        whole = archive.read("x.npy")
    with zipfile.ZipFile(tmp_path / "short.npz", "w") as archive:
        archive.writestr("x.npy", whole[:-100])
    with pytest.raises(DataError, match=r"'x\.npy' ends before its last sample"):
        list(read_samples(tmp_path / "short.npz", ONE))


def test_columns_of_an_archive_are_not_unpacked_without_limit(tmp_path, monkeypatch):
    """Rows of an array that lies by columns need all of it at once."""
    monkeypatch.setattr(archive, "FREE_BYTES", 1000)
    name = next(iter(ONE))
    array = np.zeros((500, *ONE[name][0][1:]), np.float32, order="F")
    np.savez_compressed(tmp_path / "a.npz", **{name: array})
    with pytest.raises(DataError, match=r"would take .* bytes"):
        stacked(tmp_path / "a.npz")


def test_a_folder_with_a_bad_file_names_it(tmp_path):
    path = write(tmp_path, "folder")
    (path / "00003.npy").write_text("no numbers")
    with pytest.raises(DataError, match=r"00003\.npy: the calibration file cannot be read"):
        list(read_samples(path, ONE))
    np.save(path / "00003.npy", DATA[0, 0])
    with pytest.raises(DataError, match=r"00003\.npy, input 'x': wrong shape"):
        list(read_samples(path, ONE))


def test_folders_without_data(tmp_path):
    with pytest.raises(DataError, match="holds no calibration data; found: no file"):
        list(read_samples(tmp_path, ONE))
    (tmp_path / "notes.txt").write_text("none here")
    with pytest.raises(DataError, match=r"holds no calibration data; found: \.txt"):
        list(read_samples(tmp_path, ONE))
    np.save(tmp_path / "a.npy", DATA)
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"both arrays and images; found: \.npy, \.png"):
        list(read_samples(tmp_path, ONE))
