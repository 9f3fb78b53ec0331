"""The command line: each command does its work, and wrong input gives one clear error."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from networks import digits_arrays, library, quantized_digits
from onnx import TensorProto, helper, numpy_helper

from tvm_espdl.cli import main
from tvm_espdl.demo import DATA


@pytest.fixture
def files(tmp_path):
    """A folder with everything the commands take."""
    arrays = digits_arrays()
    np.save(tmp_path / "calibration.npy", arrays["calibration"])
    np.save(tmp_path / "sample.npy", arrays["images"][:1])
    onnx.save(quantized_digits("esp32s3"), tmp_path / "quantized.onnx")
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_whole_way(files, capsys):
    opt, quant, project = files / "opt.onnx", files / "quant.onnx", files / "project"
    assert run("preprocess", "--input", DATA / "digits_cnn.onnx", "--output", opt) == 0
    assert (
        run(
            *("quantize", "--input_model", opt, "--output_model", quant),
            *("--calibrate_dataset", files / "calibration.npy", "--target_chip", "esp32p4"),
        )
        == 0
    )
    assert onnx.load(quant) == quantized_digits("esp32p4")
    assert (
        run(
            *("export", "--target_chip", "esp32p4", "--model_path", quant),
            *("--img_path", files / "sample.npy", "--out_path", project),
        )
        == 0
    )
    metadata = json.loads((project / "components/tvm_model/model/metadata.json").read_text())
    assert metadata["chip"] == "esp32p4"
    assert "14 of 14 calls are operators of ESP-DL" in capsys.readouterr().out


def test_run_writes_output_and_dump(files):
    assert (
        run(
            *("run", files / "quantized.onnx", "--input", files / "sample.npy"),
            *("--output", files / "y.npy", "--dump", files / "dump"),
        )
        == 0
    )
    network = library("digits", "esp32s3")
    x = digits_arrays()["images"][:1]
    np.testing.assert_array_equal(np.load(files / "y.npy"), network(x))
    dumped = {p.name for p in (files / "dump").iterdir()}
    assert len(dumped) == len(network.run_with_intermediates(x))
    assert np.load(files / "dump" / "logits.npy").dtype == np.int8


def test_flags_take_hyphens_too(files):
    assert (
        run(
            *("export", "--model-path", files / "quantized.onnx", "--img-path"),
            *(files / "sample.npy", "--out-path", files / "project"),
        )
        == 0
    )


def test_chip_comes_from_the_model(files):
    onnx.save(quantized_digits("esp32p4"), files / "p4.onnx")
    assert run("export", "--model_path", files / "p4.onnx", "--out_path", files / "p") == 0
    assert (files / "p" / "sdkconfig.defaults.esp32p4").is_file()


def test_template_replaces_files(files):
    (files / "template" / "main").mkdir(parents=True)
    (files / "template" / "main" / "app_main.c").write_text("/* mine */\n")
    assert (
        run(
            *("export", "--model_path", files / "quantized.onnx"),
            *("--template_path", files / "template", "--out_path", files / "p"),
        )
        == 0
    )
    assert (files / "p" / "main" / "app_main.c").read_text() == "/* mine */\n"


def test_float_model_warns_and_says_what_to_do(files, capsys):
    assert (
        run(
            *("run", DATA / "digits_cnn.onnx", "--input", files / "sample.npy"),
            *("--output", files / "y.npy"),
        )
        == 0
    )
    assert "tvm-espdl quantize" in capsys.readouterr().err
    assert np.load(files / "y.npy").argmax() == digits_arrays()["labels"][0]


def test_demo_passes(c_compiler, capsys):
    assert run("demo") == 0
    printed = capsys.readouterr().out
    assert "equal bit for bit" in printed
    assert printed.rstrip().endswith("PASS")


# Wrong input: name -> (what to change in the folder, arguments, parts of the message).


def relu_model(shape):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def with_initializer(suffix, change):
    """The quantized digits network with its first initializer of a kind changed."""
    model = onnx.ModelProto()
    model.CopyFrom(quantized_digits("esp32s3"))
    tensor = next(t for t in model.graph.initializer if t.name.endswith(suffix))
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))
    return model


def prepare_nothing(folder):
    pass


def prepare_garbage(folder):
    (folder / "garbage.onnx").write_bytes(b"this is no network" * 10)


def prepare_dynamic(folder):
    onnx.save(relu_model(["n", "c", 4]), folder / "dynamic.onnx")


def prepare_batch(folder):
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 3, 4, 4]) for n in "xy")
    w = numpy_helper.from_array(np.ones((3, 3, 1, 1), np.float32), "w")
    convolution = helper.make_node("Conv", ["x", "w"], ["y"])
    graph = helper.make_graph([convolution], "batch", [x], [y], [w])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "batch.onnx")


def prepare_scale(folder):
    onnx.save(with_initializer("_scale", lambda a: a * np.float32(1.1)), folder / "scale.onnx")


def prepare_zero_point(folder):
    onnx.save(with_initializer("_zero_point", lambda a: a + np.int8(3)), folder / "zero.onnx")


def prepare_shape(folder):
    np.save(folder / "wrong_shape.npy", np.zeros((4, 3, 8, 8), np.float32))


def prepare_dtype(folder):
    np.save(folder / "wrong_dtype.npy", np.zeros((4, 1, 8, 8), np.float64))


def prepare_project(folder):
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("keep me")


def prepare_output(folder):
    (folder / "out.onnx").write_text("keep me")


QUANTIZE = ["quantize", "--input_model", str(DATA / "digits_cnn.onnx"), "--output_model"]
EXPORT = ["export", "--out_path", "out", "--model_path"]
CALIBRATE = ["--calibrate_dataset", "calibration.npy"]

WRONG = {
    "missing file": (prepare_nothing, [*EXPORT, "nowhere.onnx"], ["nowhere.onnx", "no such"]),
    "no onnx": (prepare_garbage, [*EXPORT, "garbage.onnx"], ["garbage.onnx", "ONNX"]),
    "dynamic shape": (
        prepare_dynamic,
        [*EXPORT, "dynamic.onnx"],
        ["input 'x'", "dimension 1", "dynamic"],
    ),
    "batch": (
        prepare_batch,
        [*EXPORT, "batch.onnx"],
        ["export_project", "a batch of 2", "batch of 1"],
    ),
    "unknown chip": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--target_chip", "esp32s4"],
        ["unknown chip", "'esp32s4'", "esp32p4", "try: esp32s"],
    ),
    "output of no form": (
        prepare_nothing,
        ["run", "quantized.onnx", "--input", "sample.npy", "--output", "out.txt"],
        ["out.txt", ".npy for one array", ".npz for several"],
    ),
    "unknown chip to quantize for": (
        prepare_nothing,
        [*QUANTIZE, "out.onnx", *CALIBRATE, "--target_chip", "esp32z"],
        ["unknown chip", "'esp32z'"],
    ),
    "calibration shape": (
        prepare_shape,
        [*QUANTIZE, "out.onnx", "--calibrate_dataset", "wrong_shape.npy"],
        ["input", "(4, 3, 8, 8)"],
    ),
    "calibration dtype": (
        prepare_dtype,
        [*QUANTIZE, "out.onnx", "--calibrate_dataset", "wrong_dtype.npy"],
        ["float64", "float32"],
    ),
    "input shape": (
        prepare_shape,
        ["run", "quantized.onnx", "--input", "wrong_shape.npy", "--output", "out.npy"],
        ["input input", "(4, 3, 8, 8)", "(1, 1, 8, 8)"],
    ),
    "input that is no array": (
        prepare_garbage,
        ["run", "quantized.onnx", "--input", "garbage.onnx", "--output", "out.npy"],
        ["garbage.onnx", "array"],
    ),
    "scale": (prepare_scale, [*EXPORT, "scale.onnx"], ["no power of two", "2**e", "quantize"]),
    "zero point": (prepare_zero_point, [*EXPORT, "zero.onnx"], ["zero point 3", "symmetric"]),
    "project exists": (prepare_project, [*EXPORT, "quantized.onnx"], ["out", "exists"]),
    "output exists": (prepare_output, [*QUANTIZE, "out.onnx", *CALIBRATE], ["out.onnx", "exists"]),
    "per channel on the S3": (
        prepare_nothing,
        [*QUANTIZE, "out.onnx", *CALIBRATE, "--per_channel"],
        ["per_channel", "esp32s3"],
    ),
    "name in C": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--name", "My Face"],
        ["'My Face'", "small letters", "--name face"],
    ),
    "name in C of a file": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--format", "espdl", "--name", "face"],
        ["--name with --format espdl"],
    ),
    "unknown format of inputs": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--input_format", "int4"],
        ["input_format", "'int4'", "float, native, uint8"],
    ),
    "format of no output": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--output_format", "logit=native"],
        ["no such output", "'logit'", "'logits'"],
    ),
    "format for all and for some": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--input_format", "float", "--input_format", "input=native"],
        ["a format for all beside others"],
    ),
    "two formats for one": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", *["--output_format", "logits=native"] * 2],
        ["two formats for one"],
    ),
    "no name in C at all": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--name", ""],
        ["no name for a network in C", "''"],
    ),
    "key of an ONNX model": (
        prepare_nothing,
        ["check", "quantized.onnx", "--key", "00"],
        ["--key", "an option of .espdl files"],
    ),
    "package of a float model": (
        prepare_nothing,
        ["evaluate", str(DATA / "digits_cnn.onnx"), "--package_model", "face"],
        ["--package_model", "an option of .espdl files"],
    ),
    "mean of no pixels": (
        prepare_nothing,
        [*EXPORT, "quantized.onnx", "--input_format", "native", "--mean", "1"],
        ["options of images for data that are none"],
    ),
    "no path of a project": (
        prepare_nothing,
        ["export", "--out_path", "", "--model_path", "quantized.onnx"],
        ["the output: an empty path"],
    ),
    "no path of a file": (
        prepare_nothing,
        ["export", "--out_path", "", "--model_path", "quantized.onnx", "--format", "espdl"],
        ["the output: an empty path"],
    ),
    "no path of an array": (
        prepare_nothing,
        ["run", "quantized.onnx", "--input", "sample.npy", "--output", ""],
        ["the output: an empty path"],
    ),
    "no path of data": (
        prepare_nothing,
        [*QUANTIZE, "out.onnx", "--calibrate_dataset", ""],
        ["calibration: an empty path"],
    ),
    "no path of a model that is made": (
        prepare_nothing,
        ["opt_and_eval", "esp32s3", str(DATA / "digits_cnn.onnx"), "-O", "", "-E", "page.html"],
        ["the output: an empty path"],
    ),
    "no path of a report": (
        prepare_nothing,
        [*QUANTIZE, "out.onnx", *CALIBRATE, "--report", ""],
        ["the output: an empty path"],
    ),
    "no path of a page": (
        prepare_nothing,
        ["check", "quantized.onnx", "--html", ""],
        ["the output: an empty path"],
    ),
    "unknown method": (
        prepare_nothing,
        [*QUANTIZE, "out.onnx", *CALIBRATE, "--activations", "magic"],
        ["'magic'", "minmax"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_clear_error(name, files, monkeypatch, capsys):
    prepare, arguments, parts = WRONG[name]
    prepare(files)
    monkeypatch.chdir(files)
    before = {p: p.read_bytes() for p in files.rglob("*") if p.is_file()}

    assert main(arguments) == 2

    error = capsys.readouterr().err
    assert error.count("error:") == 1
    assert "Traceback" not in error
    for part in parts:
        assert part in error, error
    after = {p: p.read_bytes() for p in files.rglob("*") if p.is_file()}
    assert after == before, "something was written, changed or removed"


def test_check_says_what_a_float_model_would_be(monkeypatch, capsys):
    model = str(DATA / "digits_cnn.onnx")
    assert main(["check", model, "--target_chip", "esp32p4", "--json"]) == 0
    printed = capsys.readouterr()
    content = json.loads(printed.out)
    kernels = {node["name"]: node["kernel"] for node in content["nodes"]}
    assert content["chip"] == "esp32p4"
    assert kernels["/c1/Conv"] == "esp-dl"
    assert not content["reasons"]
    assert "note: the model is float; this is what would run once" in printed.err
    assert main(["check", model, "--as-is", "--json"]) == 0
    printed = capsys.readouterr()
    assert "no part of the network is quantized" in printed.err
    content = json.loads(printed.out)
    assert {node["kernel"] for node in content["nodes"]} <= {"tvm", "-"}


def test_usage_errors_exit_with_2():
    with pytest.raises(SystemExit) as raised:
        main(["quantize"])
    assert raised.value.code == 2


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("--max_ms", ("1_0", "nan", "inf", "1e999", "٣", " 1", "")),
        ("--cache_line", ("1_0", "3.0", "٣", "0o7", "9" * 5000)),
        ("--max_ram", ("1_0K", "٣", "-1", "9" * 5000)),
    ],
)
def test_numbers_are_those_that_everybody_reads(option, wrong, capsys):
    """Nothing of Python's own spellings, and no number that is none."""
    for text in wrong:
        with pytest.raises(SystemExit) as raised:
            main(["evaluate", "q.onnx", f"{option}={text}"])
        assert raised.value.code == 2
        assert f"argument {option}" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    onnx.save(quantized_digits("esp32s3"), tmp_path / "q.onnx")
    script = "from tvm_espdl.cli import main; raise SystemExit(main(['check', 'q.onnx']))"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
