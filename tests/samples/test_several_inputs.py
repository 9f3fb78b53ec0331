"""Inputs of one network from sources of their own: images beside arrays and files."""

import subprocess
import sys
import warnings

import numpy as np
import onnx
import pytest
from PIL import Image
from qdq_networks import PLAIN, floats, network, node

from tvm_espdl.cli import main
from tvm_espdl.errors import DataError
from tvm_espdl.quantize import ImageFolder, quantize_onnx
from tvm_espdl.samples import can_reopen, read_samples

F32 = np.dtype(np.float32)
SIGNATURE = {"image": ((1, 3, 6, 8), F32), "meta": ((1, 2), F32)}
COUNT = 12
#: As text, 10 and 11 come before 2; the last ones lie in a folder whose name comes in between.
NAMES = ["0.png", "1.png", "10.png", "11.png", "2.png", "3.png", "4/a.png", "4/b.png", "4/c.png",
         "4.png", "5.png", "6.png"]  # fmt: skip
META = floats(COUNT, 2)


@pytest.fixture
def folder(tmp_path):
    """Twelve images of one colour each: that of number n, in the order they are read, is n."""
    path = tmp_path / "photos"
    (path / "4").mkdir(parents=True)
    for number in reversed(range(COUNT)):
        pixels = np.full((6, 8, 3), number, dtype=np.uint8)
        Image.fromarray(pixels).save(path / NAMES[number])
    return path


def read(calibration, signature=SIGNATURE):
    samples = list(read_samples(calibration, signature))
    for sample in samples:
        assert {k: (v.shape, v.dtype) for k, v in sample.items()} == signature
    return samples


def images(folder, **options):
    return ImageFolder(folder, pixel_range=(0, 255), **options)


def check_pairs(samples, scale=1.0):
    assert len(samples) == COUNT
    for number, sample in enumerate(samples):
        np.testing.assert_allclose(sample["image"], number * scale, rtol=1e-6)
        np.testing.assert_array_equal(sample["meta"][0], META[number])


def sources(tmp_path, kind):
    """The rows of `META` as each kind of source."""
    if kind == "array":
        return META
    path = tmp_path / f"meta.{kind}"
    if kind == "npy":
        np.save(path, META)
    elif kind == "npz":
        np.savez_compressed(path, whatever=META)
    elif kind == "several.npz":
        np.savez(path, meta=META, labels=np.arange(3))
    else:
        path.mkdir()
        for number, row in enumerate(META):
            np.save(path / f"{number:02}.npy", row)
    return path


@pytest.mark.parametrize("kind", ["array", "npy", "npz", "several.npz", "folder"])
def test_images_and_rows_belong_together_in_the_order_of_names(folder, tmp_path, kind):
    meta = sources(tmp_path, kind)
    # The order of the dict does not matter, and samples have the order of the model's inputs.
    samples = read({"meta": meta, "image": images(folder)})
    check_pairs(samples)
    assert list(samples[0]) == ["image", "meta"]
    check_pairs(read({"image": str(folder), "meta": meta}), 1 / 255)
    assert can_reopen({"image": images(folder), "meta": meta})


def test_the_order_of_the_images_can_be_asked_for(folder):
    (folder / "labels.csv").write_text("0,1")
    assert [str(path.relative_to(folder)) for path in images(folder).files()] == NAMES


def test_progress_knows_how_many_there_are(folder, capsys):
    data = {"image": images(folder), "meta": META}
    list(read_samples(data, SIGNATURE, progress=True))
    lines = capsys.readouterr().err.split("\r")
    assert lines[1].endswith("] 0/12")
    assert lines[12].endswith("] 11/12")


def test_two_folders_of_images(folder):
    pair = {"image": SIGNATURE["image"], "gray": ((1, 4, 4, 1), F32)}
    for sample in read({"image": images(folder), "gray": images(folder)}, pair):
        assert sample["gray"].max() == sample["image"].max()


def test_inputs_without_a_batch_axis_serve_every_image(folder, tmp_path):
    signature = {"table": ((7, 2), F32), "image": SIGNATURE["image"], "steps": ((5, 1, 2), F32)}
    table, steps = floats(7, 2), floats(COUNT, 5, 1, 2)
    np.save(tmp_path / "table.npy", table)
    data = {"table": tmp_path / "table.npy", "image": images(folder), "steps": steps}
    samples = read(data, signature)
    for number, sample in enumerate(samples):
        np.testing.assert_array_equal(sample["table"], table)
        np.testing.assert_array_equal(sample["steps"], steps[number])
        assert sample["image"].max() == number
    assert len(samples) == COUNT
    fixed = {"table": signature["table"]}
    with pytest.warns(match="only 1 calibration sample"):
        (sample,) = read({"table": table}, fixed)


def test_different_counts_are_refused_before_anything_is_read(folder, monkeypatch):
    def never(*_, **__):
        raise AssertionError("an image was read")

    monkeypatch.setattr("tvm_espdl.samples.images.open_pixels", never)
    with pytest.raises(DataError, match=r"found: 12 of 'image', 11 of 'meta'; .*their names"):
        read({"image": images(folder), "meta": META[:11]})


@pytest.mark.parametrize(("count", "words"), [(11, "11 of 'meta'"), (15, "15 of 'meta'")])
def test_counts_of_folders_of_arrays(folder, tmp_path, count, words):
    """They are known when the folder was read: a file may hold several samples."""
    rows = tmp_path / "rows"
    rows.mkdir()
    for number in range(0, count, 4):
        np.save(rows / f"{number:02}.npy", np.ones((min(4, count - number), 2), np.float32))
    with pytest.raises(DataError, match=f"found: 12 of 'image', {words};"):
        read({"image": images(folder), "meta": rows})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"meta": META[0]}, r"input 'meta': wrong shape; .*add the batch axis"),
        ({"meta": META[:, :1]}, r"input 'meta': wrong shape; found: \(12, 1\)"),
        ({"meta": META.astype(float)}, "input 'meta': wrong data type; found: float64"),
        ({"meta": np.where(META[4, 1] == META, np.float32(np.nan), META)},
         "input 'meta', sample 4: .*1 NaN"),
        ({"meta": "nowhere.npy"}, r"nowhere\.npy: there is no such calibration file"),
        ({"meta": [[0.5, 1.0]] * COUNT}, "input 'meta': .*unknown kind; found: list; .*of dicts"),
        ({"meta": iter(META)}, "input 'meta': .*unknown kind; found: .*iterator"),
        ({"mata": META}, "no such input; found: 'mata'; .*try: 'meta' in place of 'mata'"),
        ({"image": META}, "input 'image': wrong shape"),
    ],
)  # fmt: skip
def test_refusals(folder, change, words):
    data = {"image": images(folder), **({} if "mata" in change else {"meta": META}), **change}
    with pytest.raises(DataError, match=words) as problem:
        read(data)
    for part in ("where", "found", "allowed", "try_"):
        assert getattr(problem.value, part) not in ("", None)


def test_names_in_archives_that_are_nearly_right(tmp_path):
    np.savez(tmp_path / "a.npz", img=floats(8, 3, 6, 8), meta=META[:8])
    with pytest.raises(DataError, match=r"missing; found: 'img', 'meta'; .*name 'img' 'image'"):
        read(tmp_path / "a.npz")


def test_a_folder_alone_does_not_say_for_which_input(folder):
    with pytest.raises(DataError, match=r"several inputs; .*--calibrate_dataset NAME=PATH"):
        read(images(folder))


#: In a process of its own: what tests leave behind in one, such as loggers, grows with images, too.
PEAKS = """
import sys, tracemalloc
import numpy as np
from tvm_espdl.quantize import ImageFolder
from tvm_espdl.samples import read_samples

signature = {"image": ((1, 3, 6, 8), np.dtype("f4")), "meta": ((1, 2), np.dtype("f4"))}
for count in sys.argv[1:]:
    for _ in range(2):  # what Pillow imports on its first image is no matter of counts
        tracemalloc.start()
        source = {"image": ImageFolder(count), "meta": f"{count}.npy"}
        found = sum(1 for _ in read_samples(source, signature))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    print(found, peak)
"""


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    """Decoded, 500 images more take 288 kB and their rows 4 kB; a name may take 200 bytes."""
    pixels = np.zeros((6, 8, 3), np.uint8)
    for count in (10, 510):
        folder = tmp_path / str(count)
        folder.mkdir()
        Image.fromarray(pixels).save(folder / "000.bmp")
        data = (folder / "000.bmp").read_bytes()
        for number in range(1, count):
            (folder / f"{number:03}.bmp").write_bytes(data)
        np.save(tmp_path / f"{count}.npy", np.zeros((count, 2), np.float32))
    command = [sys.executable, "-c", PEAKS, "10", "510"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (few, used_by_few), (many, used_by_many) = (
        map(int, line.split()) for line in shown.stdout.splitlines()
    )
    assert (few, many) == (10, 510)
    assert used_by_many < used_by_few + 500 * 200


def model():
    nodes = [
        node("Conv", "image w b", "c"),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "p"),
        node("Flatten", "p", "f"),
        node("Concat", "f meta", "j", axis=1),
        node("Gemm", "j v u", "y", transB=1),
    ]
    constants = {"w": floats(4, 3, 3, 3), "b": floats(4), "v": floats(3, 6), "u": floats(3)}
    return network(nodes, {"image": ("N", 3, 6, 8), "meta": ("N", 2)}, {"y": ("N", 3)}, constants)


def test_quantized_as_with_arrays(folder, tmp_path):
    """The same bytes as with everything in memory; and the command line gives them, too."""
    decoded = np.stack([np.full((3, 6, 8), n, np.float32) for n in range(COUNT)])
    expected = quantize_onnx(
        model(), {"image": (decoded - np.float32(4)) / 2, "meta": META}, **PLAIN
    ).model.SerializeToString()
    found = quantize_onnx(model(), {"image": images(folder, mean=4, std=2), "meta": META}, **PLAIN)
    assert found.model.SerializeToString() == expected
    np.save(tmp_path / "meta.npy", META)
    onnx.save(model(), tmp_path / "model.onnx")
    way = ["quantize", "--input_model", tmp_path / "model.onnx"]
    way += ["--output_model", tmp_path / "out.onnx", "--no_measure", "--hold_out", "0"]
    way += ["--activations", "minmax", "--weights", "minmax", "--recover", "none"]
    way += ["--calibrate_dataset", f"image={folder}", "--pixel_range=0..255", "--mean", "4"]
    way += ["--std", "2", "--calibrate_dataset", f"meta={tmp_path / 'meta.npy'}"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main([str(word) for word in way]) == 0
    assert (
        onnx.load(tmp_path / "out.onnx").SerializeToString()
        == onnx.load_from_string(expected).SerializeToString()
    )
