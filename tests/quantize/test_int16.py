"""Layers in int16: which nodes follow, how widths meet, and that all engines agree on the bits."""

import os

import numpy as np
import onnxruntime
import pytest
from networks import by_reference, digits_arrays
from onnx import numpy_helper
from qdq_networks import Quantized, floats, network, node, run

from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.demo import DATA
from tvm_espdl.errors import EspdlError
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.quantize.exponents import integer_limits
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.precision import borders, widen
from tvm_espdl.quantize.quantization import Options
from tvm_espdl.quantize.quantization import quantize as quantization_of
from tvm_espdl.quantize.simulation import Simulation

CHIPS = ("esp32s3", "esp32p4", "esp32")
MAPS = (1, 16, 8, 8)
WEIGHTS = {f"w{i}": floats(16, 16, 1, 1, seed=i, scale=0.2) for i in range(3)}
SAMPLES = floats(8, *MAPS[1:])


def three_convolutions():
    return network(
        [
            node("Conv", "x w0", "a", name="first"),
            node("Relu", "a", "b", name="first_relu"),
            node("Conv", "b w1", "c", name="second"),
            node("MaxPool", "c", "d", name="pool", kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", "d w2", "y", name="third"),
        ],
        {"x": MAPS},
        {"y": (1, 16, 4, 4)},
        WEIGHTS,
    )


def quantize(model, int16, samples=SAMPLES, chip="esp32p4", **options):
    options = {"recover": (), "hold_out": 0, "measure": False, **options}
    return Quantized(quantize_onnx(model, samples, chip, int16=int16, **options).model)


def widths(q):
    """The type of the integers after each tensor that a QuantizeLinear reads."""
    return {n.input[0]: q.constants[n.input[2]].dtype for n in q.all("QuantizeLinear")}


def test_a_layer_and_what_follows_it_are_int16():
    q = quantize(three_convolutions(), ["second"])
    found = {name: str(dtype) for name, dtype in widths(q).items()}
    # The Relu is inside the first kernel; the pool is as wide as what it reads.
    assert (found["x"], found["b"], found["c"], found["d"]) == ("int8", "int8", "int16", "int16")
    assert found["y_float"] == "int8"
    first, second, third = q.all("Conv")
    assert [q.stored(layer, 1).dtype for layer in (first, second, third)] == ["i1", "i2", "i1"]
    assert q.requantized(second, 0)
    assert q.requantized(third, 0)
    assert not q.requantized(first, 0)


def test_the_model_is_of_the_operator_set_that_has_int16():
    model = quantize(three_convolutions(), ["second"]).model
    assert next(e.version for e in model.opset_import if e.domain == "") == 21
    assert model.ir_version >= 10
    assert not any(n.op_type == "Cast" for n in model.graph.node)


def test_widening_is_exact():
    q = quantize(three_convolutions(), ["second"])
    second = q.all("Conv")[1]
    wide = q.source(second)
    narrow = q.maker[q.maker[wide.input[0]].input[0]]
    assert q.constants[narrow.input[2]].dtype == np.int8
    assert int(q.exponents(wide)) == int(q.exponents(narrow)) - 8
    # What every int8 becomes: a multiple of 256 that fits.
    assert integer_limits(8)[0] * 256 >= integer_limits(16)[0]


def test_a_pattern_and_a_tensor_name_layers():
    for names in (["first", "second", "third"], ["*"], "*", ["*st", "c", "thir?"]):
        found = set(map(str, widths(quantize(three_convolutions(), names)).values()))
        assert found == {"int16"}, names


def test_the_input_is_int16_only_if_all_that_read_it_are():
    model = three_convolutions()
    model.graph.node.append(node("Sigmoid", "x", "z", name="other"))
    model.graph.output.append(network([], {}, {"z": MAPS}).graph.output[0])
    assert str(widths(quantize(model, ["first"]))["x"]) == "int8"
    assert str(widths(quantize(model, ["first", "other"]))["x"]) == "int16"


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(EspdlError, match=r"'secnod'.*'second'"):
        quantize(three_convolutions(), ["secnod"])
    with pytest.raises(EspdlError, match=r"/head/\*"):
        quantize(three_convolutions(), ["/head/*"])


def swish():
    return network(
        [
            node("Conv", "x w0", "a", name="first"),
            node("Sigmoid", "a", "s", name="gate"),
            node("Mul", "a s", "y", name="product"),
        ],
        {"x": MAPS},
        {"y": MAPS},
        WEIGHTS,
    )


def test_swish_is_int16_as_a_whole():
    for names in ("*", ["gate", "first"], ["product", "first"]):
        q = quantize(swish(), names)
        assert not q.requantized(q.one("Mul"), 0)
        assert set(map(str, widths(q).values())) == {"int16"}, names


def resized():
    resize = node("Resize", "b", "c", name="resize", mode="nearest")
    resize.attribute.extend(
        node(
            "X", "", "", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        ).attribute
    )
    resize.input.extend(["", "sizes"])
    return network(
        [
            node("Conv", "x w0", "b", name="first"),
            resize,
            node("Conv", "c w1", "y", name="second"),
        ],
        {"x": MAPS},
        {"y": (1, 16, 16, 16)},
        {**WEIGHTS, "sizes": np.float32([1, 1, 2, 2])},
    )


@pytest.mark.parametrize("chip", CHIPS)
def test_resize_stays_int8_between_int16_layers(chip):
    q = quantize(resized(), "*", chip=chip)
    found = widths(q)
    assert (str(found["b"]), str(found["c"]), str(found["y_float"])) == ("int16", "int8", "int16")
    resize, (_, second) = q.one("Resize"), q.all("Conv")
    assert q.requantized(resize, 0)
    assert q.into(resize) == q.after(resize)
    assert q.into(second) == q.after(resize) - 8
    library = compile_file(q.model)
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}, library.report()


def test_why_a_resize_stays_int8():
    plan = make_plan(Graph(preprocess_onnx(resized())))
    widened = widen(plan, ["*"])
    assert [(name, "int16" in why) for name, why in widened.kept_int8] == [("resize", True)]
    assert [name for _, _, name in borders(widened)] == ["b", "c"]
    with pytest.raises(EspdlError, match=r"no int16 kernel.*Resize"):
        widen(plan, ["resize"])


def test_int16_leaves_room_above_the_calibration():
    """Half of the range; the exponents of min-max calibration stay the finest."""
    exponents = {}
    for method in ("minmax", "mse"):
        q = quantize(three_convolutions(), "*", activations=method)
        exponents[method] = [q.after(layer) for layer in q.all("Conv")[1:]]
    assert exponents["mse"] == [e + 1 for e in exponents["minmax"]]


@pytest.mark.parametrize("chip", CHIPS)
def test_biases_stay_within_int32_and_the_chips_field(chip):
    model = network(
        [node("Gemm", "x w b", "y", name="layer", transB=1)],
        {"x": (1, 4)}, {"y": (1, 2)},
        {"w": np.float32([[1e-3] * 4, [1e-3] * 4]), "b": np.float32([1000, -1000])},
    )  # fmt: skip
    q = quantize(model, "*", floats(8, 4), chip)
    bias = q.stored(q.one("Gemm"), 2)
    bits = min(find_chip(chip).quantized_bias_bits("int16"), 32)
    assert bias.dtype == np.int32
    assert np.abs(bias.astype(np.int64)).max() < 1 << (bits - 1)
    assert np.allclose(bias * 2.0 ** q.into(q.one("Gemm"), 2), [1000, -1000], rtol=1e-5)


def test_the_same_bytes_each_time():
    first, second = (quantize(three_convolutions(), ["second"]).model for _ in range(2))
    assert first.SerializeToString() == second.SerializeToString()


def float_networks():
    yield from (pytest.param("digits", chip, id=f"digits-{chip}") for chip in CHIPS)
    everything = os.environ.get("TVM_ESPDL_ALL") == "1"
    for number, name in enumerate(
        ("seed", "resnet8_32", "dscnn_kws_49x10", "actzoo_32", "kws_conv1d")
    ):
        for chip in CHIPS if everything else (CHIPS[number % 2],):
            yield pytest.param(name, chip, id=f"{name}-{chip}")


def load(name, request):
    """The float network and its calibration data."""
    if name == "digits":
        return DATA / "digits_cnn.onnx", digits_arrays()["calibration"]
    models = request.getfixturevalue("models_dir")
    model = models / "seed/model.onnx" if name == "seed" else models / "float" / f"{name}.onnx"
    stored = models / "float" / f"{'seed_resnet8' if name == 'seed' else name}.calib.npz"
    with np.load(stored) as arrays:
        return model, arrays[arrays.files[0]].astype(np.float32)


def snr(reference, found):
    errors = np.concatenate([(r - f).ravel() for r, f in zip(reference, found, strict=True)])
    signal = np.concatenate([r.ravel() for r in reference]).astype(float)
    return 10 * np.log10((signal**2).sum() / (errors.astype(float) ** 2).sum())


def quantized(model, data, chip):
    target = find_chip(chip)
    options = Options("mse", "output", target.per_channel, ("*",), ("rounding", "bias"), 4)
    name = model.graph.input[0].name
    return quantization_of(model, [{name: x[np.newaxis]} for x in data], target, options)


@pytest.mark.parametrize(("name", "chip"), list(float_networks()))
def test_whole_networks(name, chip, request):
    path, data = load(name, request)
    float_model = preprocess_onnx(path)
    done = quantized(float_model, data[:16], chip)
    model, assignment = done.write(), done.assignment()
    plan = done.bench.plan.absorb_clips(assignment.tensors)
    simulation = Simulation(done.bench.model, plan, assignment, done.bench.chip)
    library = compile_file(model)
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}, library.report()
    outputs = library.program.outputs
    # A Softmax moves as far as the logits it reads, whose steps are coarser than 2^-12 nowhere.
    steps = [2.0 ** assignment.tensors.get(value.name, -12) for value in model.graph.output]
    reference, exact = [], []
    for sample in done.bench.held_out[:2]:
        (x,) = sample.values()
        bits = library.run([x])
        by_numpy = by_reference(library.program, [x])
        simulated, in_onnxruntime = simulation.run(sample), list(run(model, sample).values())
        for place, (step, value) in enumerate(zip(steps, outputs, strict=True)):
            np.testing.assert_array_equal(bits[place], by_numpy[value])
            if chip == "esp32p4":  # which rounds as onnxruntime does
                np.testing.assert_allclose(
                    in_onnxruntime[place], simulated[place], rtol=0, atol=1e-6
                )
            # Sums of int16 products do not fit in float32: a few steps of 2^-15 come from there.
            np.testing.assert_allclose(bits[place], simulated[place], rtol=0, atol=6 * step)
            np.testing.assert_allclose(bits[place], in_onnxruntime[place], rtol=0, atol=8 * step)
        reference.extend(run(float_model, sample).values())
        exact.extend(bits)
    assert snr(reference, exact) > 60


def limited():
    """ReLU6 between convolutions, and inputs of which it cuts many off."""
    limits = {"zero": np.float32(0), "six": np.float32(6)}
    model = network(
        [
            node("Conv", "x w0", "a"),
            node("Clip", "a zero six", "b"),
            node("Conv", "b w1", "y"),
        ],
        {"x": MAPS},
        {"y": MAPS},
        {**WEIGHTS, **limits},
    )
    return model, floats(16, *MAPS[1:], seed=5, scale=9)


def noise_of(model, reference, samples):
    exact, found = (by_onnxruntime(one, samples) for one in (reference, model))
    return 10 * np.log10((exact**2).sum() / ((found - exact) ** 2).sum())


@pytest.mark.parametrize("recover", [(), None], ids=["plain", "recovered"])
@pytest.mark.parametrize("chip", CHIPS)
def test_a_limit_within_the_range_of_int16_stays(chip, recover):
    """ReLU6 saturates int8 where its exponent says so, and int16 only where 6 is its last step."""
    model, samples = limited()
    noise = {
        name: noise_of(
            quantize_onnx(model, samples, chip, int16=int16, recover=recover, measure=False).model,
            model,
            samples,
        )
        for name, int16 in (("int8", ()), ("int16", "*"))
    }
    assert noise["int16"] > noise["int8"] + 20, noise


def test_a_limit_stays_where_scales_are_re_expressed():
    model, samples = limited()
    given = quantize_onnx(model, samples, "esp32p4", int16="*", recover=(), measure=False).model
    for constant in given.graph.initializer:
        if constant.name in ("x_scale", "b_scale", "y_scale"):
            constant.CopyFrom(
                numpy_helper.from_array(
                    numpy_helper.to_array(constant) * np.float32(0.8), constant.name
                )
            )
    found = quantize_onnx(given, samples, "esp32p4", requantize=True, measure=False).model
    assert set(map(str, widths(Quantized(found)).values())) == {"int16"}
    assert noise_of(found, model, samples) > 35


def by_onnxruntime(model, samples):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.stack([session.run(None, {"x": sample[np.newaxis]})[0] for sample in samples])
