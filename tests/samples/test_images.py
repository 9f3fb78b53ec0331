"""Folders of images: pixels arrive where and as they should, and what is no use is named."""

import os
import sys

import numpy as np
import pytest
from PIL import Image
from qdq_networks import floats

from tvm_espdl.errors import DataError, EspdlWarning, ToolError
from tvm_espdl.samples import ImageFile, ImageFolder, read_samples

F32 = np.dtype(np.float32)
FIRST = {"x": ((1, 3, 6, 8), F32)}
LAST = {"x": ((1, 6, 8, 3), F32)}
GRAY = {"x": ((1, 1, 6, 8), F32)}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COUNT = 9
PIXELS = np.random.default_rng(5).integers(0, 256, size=(COUNT, 6, 8, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Nine images, in order of their names, two of them in a folder of their own."""
    (tmp_path / "z").mkdir()
    for number, pixels in enumerate(PIXELS):
        place = tmp_path / "z" if number >= 7 else tmp_path
        Image.fromarray(pixels).save(place / f"{number}.{'PNG' if number % 2 else 'bmp'}")
    return tmp_path


def read(folder, signature=FIRST, **options):
    samples = list(read_samples(ImageFolder(folder, **options), signature, again=True))
    for sample in samples:
        assert {k: (v.shape, v.dtype) for k, v in sample.items()} == signature
    return np.concatenate([sample["x"] for sample in samples])


def put(folder, pixels, name="only.png", **options):
    image = Image.fromarray(np.asarray(pixels, dtype=np.uint8))
    image.save(folder / name, **options)
    return folder


def as_trained(pixels, mean, std, low=0.0, high=1.0):
    """What training code computes, by another order of the same operations."""
    scaled = pixels.astype(np.float64) / 255 * (high - low) + low
    return (scaled - np.array(mean)) / np.array(std)


def test_plain_path_and_defaults(folder):
    expected = as_trained(PIXELS, 0, 1).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(read(folder), expected, rtol=0, atol=1e-7)
    found = [sample["x"] for sample in read_samples(str(folder), FIRST)]
    np.testing.assert_array_equal(np.concatenate(found), read(folder))


@pytest.mark.parametrize("signature", [FIRST, LAST], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("colours", [None, "RGB", "BGR"])
def test_mean_std_layout_and_colours(folder, signature, colours):
    found = read(folder, signature, mean=MEAN, std=STD, colours=colours)
    pixels = PIXELS[..., ::-1] if colours == "BGR" else PIXELS
    expected = as_trained(pixels, MEAN, STD)
    if signature is FIRST:
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("low, high", [(0, 255), (-1, 1)])
def test_pixel_range(folder, low, high):
    found = read(folder, LAST, pixel_range=(low, high), mean=0.5, std=2)
    np.testing.assert_allclose(found, as_trained(PIXELS, 0.5, 2, low, high), rtol=1e-6, atol=1e-6)


def test_pixels_as_they_are(folder):
    found = read(folder, {"x": ((1, 6, 8, 3), np.dtype(np.uint8))})
    np.testing.assert_array_equal(found, PIXELS)


def test_gray(folder):
    # ITU-R 601, which Pillow computes in integers.
    luma = PIXELS @ np.array([0.299, 0.587, 0.114])
    found = read(folder, GRAY, pixel_range=(0, 255))
    np.testing.assert_allclose(found[:, 0], luma, rtol=0, atol=0.6)


def test_kinds_of_images(tmp_path):
    """Gray, palette and transparent images all become three channels."""
    Image.fromarray(PIXELS[0]).convert("L").save(tmp_path / "a.png")
    Image.fromarray(PIXELS[0]).convert("P").save(tmp_path / "b.gif")
    Image.fromarray(np.dstack([PIXELS[0], PIXELS[0, :, :, :1]])).save(tmp_path / "c.png")
    found = read(tmp_path, LAST, pixel_range=(0, 255))
    assert (found[0, ..., 0] == found[0, ..., 2]).all()
    np.testing.assert_array_equal(found[2], PIXELS[0])


def test_the_middle_is_cut_out(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, size=(10, 14, 3))
    found = read(put(tmp_path, pixels), LAST, size=(10, 14), pixel_range=(0, 255))
    np.testing.assert_array_equal(found[0], pixels[2:8, 3:11])


def test_fit(tmp_path):
    pixels = np.zeros((12, 32, 3))
    pixels[:, :4] = 255  # an eighth of the width, which cropping to 12 x 16 cuts off
    put(tmp_path, pixels)
    assert not read(tmp_path, LAST).any()
    stretched = read(tmp_path, LAST, fit="stretch")[0, :, :, 0]
    assert (stretched[:, 0] > 0.8).all() and not stretched[:, -1].any()
    assert 0.1 < stretched.mean() < 0.15


def test_turned_as_the_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    found = read(put(tmp_path, PIXELS[0], exif=exif), LAST, pixel_range=(0, 255))
    np.testing.assert_array_equal(found[0], PIXELS[0, ::-1, ::-1])


def test_enlarge(tmp_path):
    put(tmp_path, np.full((3, 4, 3), 51))
    with pytest.raises(DataError, match=r"only\.png: .*smaller .*found: 3x4 .*allowed: 6x8"):
        read(tmp_path)
    np.testing.assert_allclose(read(tmp_path, enlarge=True), 0.2, rtol=1e-6)


def test_no_image_is_enlarged_beyond_all_measure(tmp_path):
    put(tmp_path, np.zeros((1, 60_000, 3)))
    with pytest.raises(DataError, match=r"beyond all measure.*1x60000 .*to 2000x120000000"):
        read(tmp_path, LAST, enlarge=True, size=(2000, 2000))
    assert read(tmp_path, LAST, enlarge=True, fit="stretch").shape == (1, 6, 8, 3)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match="no regular file"):
        ImageFile(tmp_path / "pipe.png").sample(LAST)


def test_other_files_are_named_once(folder):
    for name in ("labels.txt", "z/a.csv", "b.md", "c.json"):
        (folder / name).write_text("0 cat")
    with pytest.warns(
        EspdlWarning, match=r"4 files .* left out: b\.md, c\.json, labels\.txt, "
    ) as w:
        assert len(list(read_samples(folder, FIRST))) == COUNT
    assert len(w) == 1
    assert len(list(read_samples(folder, FIRST, again=True))) == COUNT


def test_one_other_file(folder):
    (folder / "labels.txt").write_text("0 cat")
    with pytest.warns(EspdlWarning, match=r"1 file is no image and was left out: labels\.txt$"):
        list(read_samples(folder, FIRST))


def test_one_image_is_no_folder(folder):
    with pytest.raises(DataError, match=r"0\.bmp: .* cannot be read; .*folder of the images"):
        list(read_samples(folder / "0.bmp", FIRST))


def test_links_to_images_are_followed_and_loops_of_folders_are_not(folder, tmp_path_factory):
    links = tmp_path_factory.mktemp("links")
    for number in range(3):
        (links / f"{2 - number}.bmp").symlink_to(folder / f"{2 * number}.bmp")
    (links / "again").symlink_to(links, target_is_directory=True)
    found = read(links, LAST, pixel_range=(0, 255))
    np.testing.assert_array_equal(found, PIXELS[[4, 2, 0]])


def test_a_folder_that_may_not_be_listed(folder, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refused)
    with pytest.raises(DataError, match="folder cannot be read; found: Permission denied"):
        read(folder)


def test_missing_pillow(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ToolError, match=r'Pillow.*try: pip install "tvm-espdl\[images\]"'):
        read(folder)


def test_unreadable_images_are_named(folder):
    (folder / "3.PNG").write_text("no image")
    with pytest.raises(DataError, match=r"3\.PNG: the image cannot be read"):
        read(folder)
    whole = (folder / "5.PNG").read_bytes()
    (folder / "3.PNG").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"3\.PNG: the image cannot be read"):
        read(folder)
    Image.fromarray(np.zeros((6, 8), dtype=np.uint16)).save(folder / "3.PNG")
    with pytest.raises(DataError, match=r"3\.PNG: .* more than 8 bits"):
        read(folder)


def test_images_too_large_to_be_true_are_refused(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(DataError, match=r"0\.bmp: the image cannot be read; .*decompression bomb"):
        read(folder)


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((1, 2, 6, 8), {}, "takes no images; .*1 or 3 channels"),
        ((1, 6, 8), {}, "takes no images"),
        ((1, 3, 6, 8), {"layout": "NHWC"}, r"takes no images; found: shape .* as NHWC"),
        ((1, 3, 6, 3), {}, "does not tell where its channels are"),
        ((1, 3, 6, 8), {"layout": "CHW"}, "unknown layout; found: 'CHW'"),
        ((1, 3, 6, 8), {"colours": "gray"}, "wrong number of channels; found: gray images: 1"),
        ((1, 1, 6, 8), {"colours": "RGB"}, "wrong number of channels; found: RGB images: 3"),
        ((1, 3, 6, 8), {"colours": "rgb"}, "unknown colours; found: 'rgb'"),
        ((1, 3, 6, 8), {"fit": "pad"}, "unknown fit; found: 'pad'"),
        ((1, 3, 6, 8), {"size": (5, 8)}, "found: size 5x8; allowed: 6x8"),
        ((1, 3, 6, 8), {"size": 8}, "size .* is no height and width; found: size 8"),
        ((1, 3, 6, 8), {"size": (8.5, 9)}, r"is no height and width; found: size \(8\.5, 9\)"),
        ((1, 3, 6, 8), {"size": (-9, -9)}, "found: size -9x-9; allowed: 6x8"),
        ((1, 3, 6, 8), {"mean": "dark"}, "mean is no usable number; found: 'dark'"),
        ((1, 3, 6, 8), {"std": None}, "std is no usable number"),
        ((1, 3, 6, 8), {"pixel_range": "0..255"}, "pixel_range is no usable number"),
        ((1, 3, 6, 8), {"pixel_range": 255}, "pixel range is empty; found: 255"),
        ((1, 3, 6, 8), {"mean": (1, 2)}, "wrong number of values for mean; found: 2"),
        ((1, 3, 6, 8), {"std": 0}, "std is no usable number"),
        ((1, 3, 6, 8), {"mean": float("nan")}, "mean is no usable number"),
        ((1, 3, 6, 8), {"pixel_range": (1, 0)}, "pixel range is empty"),
    ],
)
def test_refusals(folder, shape, options, words):
    with pytest.raises(DataError, match=words) as problem:
        read(folder, {"x": (shape, F32)}, **options)
    for part in ("where", "found", "allowed", "try_"):
        assert getattr(problem.value, part) not in ("", None)


def test_layout_settles_an_open_shape(folder):
    signature = {"x": ((1, 3, 6, 3), F32)}
    assert read(folder, signature, layout="NCHW").shape[1:] == (3, 6, 3)


def test_inputs_that_are_no_images(folder):
    with pytest.raises(DataError, match="several inputs; found: a folder of images"):
        read(folder, {"a": ((1, 3, 6, 8), F32), "b": ((1, 3), F32)})
    with pytest.raises(DataError, match="an input of type int64"):
        read(folder, {"x": ((1, 3, 6, 8), np.dtype(np.int64))})
    with pytest.raises(DataError, match="takes pixels as they are"):
        read(folder, {"x": ((1, 3, 6, 8), np.dtype(np.uint8))}, mean=0.5)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(DataError, match="no image; found: 0 other files"):
        read(tmp_path)
    with pytest.raises(DataError, match="there is no such folder; found: nothing"):
        read(tmp_path / "missing")
    np.save(tmp_path / "a.npy", floats(2))
    with pytest.raises(DataError, match="there is no such folder; found: a file"):
        read(tmp_path / "a.npy")
