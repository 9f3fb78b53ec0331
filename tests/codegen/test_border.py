"""Integers and pixels in, integers out: C gives what the PC gives for the same data as floats."""

import numpy as np
import pytest
from network_in_c import run_network
from networks import digits_arrays, library
from qdq_builder import QdqBuilder

from tvm_espdl.compilation import compile_file
from tvm_espdl.debug import compare
from tvm_espdl.errors import DataError, ModelError
from tvm_espdl.program.border.formats import border_of
from tvm_espdl.program.border.pixel_form import PixelForm
from tvm_espdl.program.passes import verify
from tvm_espdl.toolchain.network import build_project


def many_ranks(dtype):
    """Inputs and outputs of one to four dimensions, with odd channels, some read with them last."""
    rng = np.random.default_rng(5)
    builder = QdqBuilder(dtype)

    def weights(*shape):
        return builder.weights(rng.integers(-128, 128, shape).astype(dtype), -7)

    line = builder.quantized_input("line", [7], -5)
    builder.output(builder.qdq(builder.node("Neg", line), -5))
    row = builder.quantized_input("row", [1, 6], -4)
    builder.output(builder.qdq(builder.node("Gemm", row, weights(6, 5)), -2))
    sound = builder.quantized_input("sound", [1, 3, 9], -6)
    builder.output(builder.qdq(builder.node("Conv", sound, weights(4, 3, 3)), -3))
    image = builder.quantized_input("image", [1, 5, 4, 6], -3)
    builder.output(builder.qdq(builder.node("Conv", image, weights(3, 5, 3, 1)), 1))
    pair = [builder.quantized_input(name, [1, 3, 2, 4], -4) for name in ("first", "second")]
    builder.output(builder.qdq(builder.node("Add", *pair), -4))
    return builder.model()


def model_form(border, seed):
    """Random inputs in the model's form, some beyond what the integers hold."""
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 9, p.model.shape).astype(np.float32) for p in border.inputs]


@pytest.mark.parametrize(
    ("chip", "dtype", "real"),
    [
        ("esp32s3", np.int8, False),
        ("esp32s3", np.int16, True),
        ("esp32p4", np.int16, False),
        ("esp32p4", np.int8, True),
        ("esp32c3", np.int8, True),
    ],
)
def test_integers_give_what_floats_give(chip, dtype, real, c_compiler):
    """Given as they are, or by the interface's functions from `real` numbers."""
    network = compile_file(many_ranks(dtype), chip)
    border = border_of(network.program, "native", "native")
    verify(border.program, "native_border")
    kinds = {step.operator.name for step in border.program.steps}
    assert not kinds & {"quantize", "dequantize", "transpose", "reshape"}
    assert [port.layout for port in border.inputs[2:4]] == ["NWC", "NHWC"]
    assert {port.own.dtype for port in (*border.inputs, *border.outputs)} == {np.dtype(dtype).name}
    given = [model_form(border, seed) for seed in (1, 2)]
    both = [(one, network.run(one)) for one in given]
    both = both if real else [border.sample(*one) for one in both]
    found = run_network(border, [inputs for inputs, _ in both], c_compiler, real=real)
    for (_, expected), outputs in zip(both, found, strict=True):
        for one, other in zip(expected, outputs, strict=True):
            np.testing.assert_array_equal(one, other)


def normalised(dtype, *, by_channel):
    """An image that the network normalises itself, and then reads with channels last."""
    rng = np.random.default_rng(8)
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("image", [1, 3, 5, 4], -5)
    shape = (1, 3, 1, 1) if by_channel else ()
    mean, scale = (
        builder.weights(rng.integers(1, 100, shape).astype(dtype), exponent)
        for exponent in (-5, -6)
    )
    y = builder.qdq(builder.node("Sub", x, mean), -5)
    y = builder.qdq(builder.node("Mul", y, scale), -4)
    y = builder.qdq(builder.node("Relu", y), -4)
    w = builder.weights(rng.integers(-128, 128, (6, 3, 3, 3)).astype(dtype), -7)
    builder.output(builder.qdq(builder.node("Conv", y, w), 1))
    return builder.model()


@pytest.mark.parametrize(
    "case",
    [
        ("esp32c3", np.int16, True, True),
        ("esp32s3", np.int8, False, True),
        ("esp32s3", np.int8, True, False),
    ],
)
def test_networks_that_normalise_take_images_as_they_read_them(case, c_compiler, tmp_path):
    """Where vectors would have to be given up for it, the transpose is what costs less."""
    chip, dtype, by_channel, moved = case
    network = compile_file(normalised(dtype, by_channel=by_channel), chip)
    border = border_of(network.program, "native", "native")
    verify(border.program, "native_border")
    kinds = [step.operator.name for step in border.program.steps]
    assert ("transpose" not in kinds) == moved
    (port,) = border.inputs
    assert (port.layout, port.own.shape[-1]) == (("NHWC", 3) if moved else (port.layout, 4))
    given = [model_form(border, seed) for seed in (1, 2)]
    both = [border.sample(one, network.run(one)) for one in given]
    found = run_network(border, [inputs for inputs, _ in both], c_compiler)
    for (_, expected), outputs in zip(both, found, strict=True):
        np.testing.assert_array_equal(expected[0], outputs[0])
    formats = {"input_format": "native", "output_format": "native"}
    project = network.export_project(tmp_path / "p", given[0], kernels="portable", **formats)
    build_project(project, tmp_path / "program", c_compiler, defines=["TVM_ESPDL_DUMP"])
    (tmp_path / "log").write_text(c_compiler.run(tmp_path / "program"))
    for inputs in (None, given[0]):
        result = compare(network, tmp_path / "log", inputs=inputs)
        assert result and not result.missing and not result.problems, result


def test_networks_that_normalise_take_pixels_without_a_transpose(c_compiler):
    network = compile_file(normalised(np.int8, by_channel=True), "esp32c3")
    border = border_of(network.program, "uint8", "native", pixels=PixelForm())
    kinds = [step.operator.name for step in border.program.steps]
    assert kinds == ["pixel_table", "sub", "mul", "relu", "conv2d"]
    pixels = np.random.default_rng(2).integers(0, 256, (1, 5, 4, 3)).astype(np.uint8)
    floats = (pixels * (1 / 255)).astype(np.float32).transpose(0, 3, 1, 2)
    ((found,),) = run_network(border, [[pixels]], c_compiler)
    _, (expected,) = border.sample([floats], network.run([floats]))
    np.testing.assert_array_equal(found, expected)


def spectrum(dtype, *, flat):
    """An image of five channels beside another input; read with channels first where `flat`."""
    rng = np.random.default_rng(6)
    builder = QdqBuilder(dtype)
    other = builder.quantized_input("other", [1, 2], -5)
    builder.output(builder.qdq(builder.node("Neg", other), -5))
    x = builder.quantized_input("spectrum", [1, 5, 16, 16], -5)
    w = rng.integers(-128, 128, (3, 5, 1, 1)).astype(dtype)
    y = builder.node("Neg", x) if flat else builder.node("Conv", x, builder.weights(w, -7))
    builder.output(builder.qdq(y, -5 if flat else -3))
    return builder.model()


@pytest.mark.parametrize(
    ("chip", "dtype", "flat"),
    [
        ("esp32s3", np.int8, False),
        ("esp32p4", np.int16, False),
        ("esp32p4", np.int8, True),
        ("esp32c3", np.int16, True),
    ],
)
def test_pixels_give_what_normalised_floats_give(chip, dtype, flat, c_compiler):
    """Every shade of every channel."""
    rng = np.random.default_rng(8)
    network = compile_file(spectrum(dtype, flat=flat), chip)
    mean, std = np.array([0.4, 0.5, 0.1, 0.7, 0.9]), np.array([0.2, 0.3, 0.1, 0.5, 0.7])
    form = PixelForm(tuple(mean), tuple(std), layout="NCHW")
    border = border_of(network.program, {"spectrum": "uint8"}, pixels=form)
    verify(border.program, "pixels")
    shades = [rng.permutation(256).reshape(16, 16) for _ in mean]
    pixels = np.stack(shades, axis=-1)[np.newaxis].astype(np.uint8)
    floats = ((pixels * (1 / 255) - mean) / std).astype(np.float32).transpose(0, 3, 1, 2)
    other = rng.normal(size=(1, 2)).astype(np.float32)
    (found,) = run_network(border, [[other, pixels]], c_compiler)
    for one, expected in zip(found, network(other, floats), strict=True):
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize(("chip", "where"), [("esp32s3", "c_compiler"), ("esp32p4", "rv32")])
def test_a_project_with_pixels_checks_itself(chip, where, request, tmp_path):
    """Its sample is given as floats, and compiled in as the pixels that become them."""
    compiler = request.getfixturevalue(where)
    pixels = np.clip(digits_arrays()["images"][:1] * 255, 0, 255).astype(np.uint8)
    floats = ((pixels * (1 / 255) - 0.5) / 0.25).astype(np.float32)
    project = library("digits", chip).export_project(
        tmp_path / "p",
        floats,
        input_format="uint8",
        output_format="native",
        mean=0.5,
        std=0.25,
    )
    first = ",".join(map(str, pixels.ravel()[:5]))
    text = (project / "main" / "input_data.h").read_text()
    assert "uint8_t input_data_input[" in text and f" {first}," in text
    build_project(project, tmp_path / "program", compiler)
    assert compiler.run(tmp_path / "program").splitlines()[1:] == [
        "output logits: 10 elements equal bit for bit",
        "PASS",
    ]


def soft(dtype=np.int8):
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", [1, 3, 4, 4])
    builder.output(builder.node("Softmax", builder.qdq(builder.node("Relu", x), -4), axis=1))
    return builder.model()


def twice_read():
    """Its input is read as floats as well."""
    builder = QdqBuilder()
    x = builder.input("x", [1, 4])
    builder.output(builder.node("Sin", x))
    builder.output(builder.qdq(builder.node("Relu", builder.qdq(x, -4)), -4))
    return builder.model()


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (soft, {"input_format": "int8"}, "no such format of an input.*float, native, uint8"),
        (soft, {"input_format": ["native"]}, "no such format of an input.*allowed: float"),
        (soft, {"output_format": "uint8"}, "no such format of an output.*allowed: float, native"),
        (soft, {"output_format": "native"}, "'softmax.*float32, computed by softmax.*=float"),
        (soft, {"input_format": "native", "std": 2.0}, "no input takes pixels.*x: native.*uint8"),
        (soft, {"input_format": {"y": "native"}}, "no such input.*'y'.*allowed: 'x'"),
        (twice_read, {"input_format": "native"}, "'x'.*float32, read by .*quantize.*=float"),
        (lambda: many_ranks(np.int8), {"input_format": {"sound": "uint8"}}, "takes no pixels"),
        (lambda: many_ranks(np.int8), {"input_format": {"row": "uint8"}}, "takes no pixels.*C, H"),
    ],
)
def test_what_cannot_be_is_one_clear_error(model, arguments, message, tmp_path):
    with pytest.raises(DataError, match=f"(?s){message}"):
        compile_file(model()).export_project(tmp_path / "p", **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore:no part of the network has the chip's bits")
@pytest.mark.parametrize("format_", ["float", "native", "uint8"])
def test_a_tensor_without_elements_is_refused(format_, tmp_path):
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 0, 4, 1])
    builder.output(builder.qdq(builder.node("Relu", x), -4))
    network = compile_file(builder.model())
    with pytest.raises(ModelError, match=r"without elements.*shape \(1, 0, 4, 1\)"):
        network.export_project(tmp_path / "p", input_format=format_)
    assert list(tmp_path.iterdir()) == []


def test_one_output_twice_and_scalars(c_compiler):
    """Names that a model has twice, and tensors of no dimension."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", [])
    builder.output(builder.qdq(builder.node("Neg", x), -4))
    model = builder.model()
    model.graph.output.append(model.graph.output[0])
    network = compile_file(model)
    border = border_of(network.program, "native", "native")
    assert [port.own.shape for port in (*border.inputs, *border.outputs)] == [()] * 3
    sample = [np.full((), 1.3, np.float32)]
    (found,) = run_network(border, [sample], c_compiler, real=True)
    np.testing.assert_array_equal(found, network.run(sample))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (PixelForm(mean=(1, 2)), "wrong number of values for mean"),
        (PixelForm(std=0), "std is no usable number"),
        (PixelForm(pixel_range=(1.0, 0.0)), "the pixel range is empty"),
        (PixelForm(layout="HWC"), "unknown layout"),
    ],
)
def test_what_is_no_normalisation_is_refused(form, message):
    program = compile_file(soft()).program
    with pytest.raises(DataError, match=message):
        border_of(program, "uint8", pixels=form)


def test_a_sample_that_no_pixels_give_is_refused(tmp_path):
    network = library("digits", "esp32s3")
    with pytest.raises(DataError, match=r"not made of pixels.*uint8 array of shape \(1, 8, 8, 1\)"):
        sample = np.full((1, 1, 8, 8), 0.1234, np.float32)
        network.export_project(tmp_path / "p", sample, input_format="uint8")
    assert list(tmp_path.iterdir()) == []
