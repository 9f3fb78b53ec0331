"""Array files of strangers: damaged, encrypted, or far larger than they look."""

import io
import zipfile

import numpy as np
import pytest

from tvm_espdl.errors import DataError
from tvm_espdl.files.array_files import load_arrays, npy, read_arrays, save_arrays


def header(text):
    data = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


def archive(content, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        file.writestr("x.npy", content)
    return stream.getvalue()


def changed(data, old, new):
    assert old in data
    return data.replace(old, new)


GOOD = npy(np.arange(64, dtype=np.float32))
LZMA = archive(GOOD, zipfile.ZIP_LZMA)
FILES = {
    "negative.npy": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 8)}") + GOOD,
    "unclosed.npy": header("{'descr': '<f4', 'fortran_order': False, 'shape': (8,"),
    "word.npy": header("{'descr': 'nonsense', 'fortran_order': False, 'shape': (8,)}"),
    "huge.npy": header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,)}"),
    "deep.npy": header("(" * 100),
    "cut.npy": GOOD[:200],
    "empty.npy": b"",
    "objects.npz": archive(header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")),
    "lzma.npz": LZMA[:60] + b"\xff" * 20 + LZMA[80:],
    "encrypted.npz": changed(archive(GOOD), b"PK\x01\x02\x14\x03\x14\x00\x00\x00",
                             b"PK\x01\x02\x14\x03\x14\x00\x01\x00"),
    "method.npz": changed(archive(GOOD), b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00",
                          b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63\x00"),
    "crc.npz": changed(archive(GOOD), GOOD[-8:], b"\x00" * 8),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_one_message(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FILES[name])
    with pytest.raises(DataError, match="cannot be read as an array") as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)


def test_an_archive_that_would_fill_the_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    shape = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 268435456)}"
    path.write_bytes(archive(header(shape) + bytes(1 << 20), zipfile.ZIP_DEFLATED))
    with pytest.raises(DataError, match="would take 1,073,741,824 bytes"):
        read_arrays(path)


def test_arrays_that_compress_well_are_read(tmp_path):
    np.savez_compressed(tmp_path / "zeros.npz", x=np.zeros(1 << 20, np.int8))
    assert read_arrays(tmp_path / "zeros.npz")["x"].size == 1 << 20


@pytest.mark.parametrize("names", [("file", "allow_pickle"), ("self", "a/b")])
def test_outputs_of_any_name(tmp_path, names):
    arrays = {name: np.array([index], np.int16) for index, name in enumerate(names)}
    save_arrays(tmp_path / "y.npz", arrays)
    assert read_arrays(tmp_path / "y.npz") == arrays


def test_one_array_may_have_any_name_and_several_their_own(tmp_path):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    np.savez(one, other=np.arange(3))
    np.savez(two, other=np.arange(3), x=np.arange(4), y=np.arange(5))
    np.testing.assert_array_equal(load_arrays(one, ["x"])["x"], np.arange(3))
    np.testing.assert_array_equal(load_arrays(two, ["x"])["x"], np.arange(4))
    assert [*load_arrays(two, ["y", "x"])] == ["y", "x"]
    for path, names in ((one, ["x", "y"]), (two, ["z"]), (two, ["x", "z"])):
        with pytest.raises(DataError, match="the file lacks an input"):
            load_arrays(path, names)
