"""Wrong models and wrong inputs through Python: one clear error of ours, by every door."""

import numpy as np
import pytest
import tvm
from networks import digits_arrays, library, quantized_digits
from qdq_builder import QdqBuilder
from tvm import relax, relay

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ChipError, DataError, EspdlWarning, ModelError
from tvm_espdl.relay.relax_of import relax_of


def with_scale(scale):
    builder = QdqBuilder()
    x = builder.input("x", [1, 4])
    zero = builder.constant(np.int8(0))
    factor = builder.constant(np.float32(scale))
    quantized = builder.node("QuantizeLinear", x, factor, zero)
    builder.output(builder.node("DequantizeLinear", quantized, factor, zero))
    return builder.model()


@pytest.mark.parametrize("scale", [0.1, 0.0625 * (1 + 2**-20), 3.0])
@pytest.mark.parametrize("door", ["relay.build", "relax.build", "tvm.compile"])
def test_scale_that_is_no_power_of_two(scale, door):
    mod, params = relay.frontend.from_onnx(with_scale(scale))
    build = {
        "relay.build": lambda: relay.build(mod, target="espdl", params=params),
        "relax.build": lambda: relax.build(mod, "espdl"),
        "tvm.compile": lambda: tvm.compile(mod, target="espdl"),
    }[door]
    with pytest.raises(ModelError, match=r"no power of two.*found: scale .*quantize"):
        build()


@pytest.mark.parametrize("exponent", [-30, -7, 0, 12])
def test_powers_of_two_are_taken(exponent):
    assert compile_file(with_scale(2.0**exponent)).report()


def test_asymmetric_quantization_is_refused():
    builder = QdqBuilder()
    scale, zero = builder.constant(np.float32(0.5)), builder.constant(np.uint8(127))
    quantized = builder.node("QuantizeLinear", builder.input("x", [1, 4]), scale, zero)
    builder.output(builder.node("DequantizeLinear", quantized, scale, zero))
    with pytest.raises(ModelError, match=r"zero point 127.*symmetric"):
        compile_file(builder.model())


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize(("extent", "fits"), [(4, False), (6, False), (7, True)])
def test_a_window_beyond_the_input_is_refused(dtype, extent, fits):
    """A kernel of 3 that is dilated by 3 spans 7; at 6 nothing would be left, below that less."""
    builder = QdqBuilder(dtype)
    x = builder.quantized_input("x", [1, 2, extent, 7])
    weights = builder.weights(np.ones((1, 2, 3, 1), dtype), -2)
    builder.output(builder.qdq(builder.node("Conv", x, weights, dilations=[3, 1]), -4))
    if fits:
        assert compile_file(builder.model()).report()
        return
    with pytest.raises(ModelError, match=r"Conv of .*nothing is left.*, 7\).*larger input"):
        compile_file(builder.model())


def test_other_targets_are_refused():
    mod, _ = relay.frontend.from_onnx(quantized_digits("esp32s3"))
    with pytest.raises(ChipError, match=r"not one of ours.*espressif/esp32c3"):
        relay.build(mod, target="c")


@pytest.mark.parametrize("target", ["espressif/esp32p5", "espresif/esp32p4", "esp32p4"])
def test_a_misspelt_target_names_the_nearest(target):
    mod, _ = relay.frontend.from_onnx(quantized_digits("esp32s3"))
    with pytest.raises(ChipError, match=rf'found: {target}; .*try: target="espressif/esp32p4"'):
        relay.build(mod, target=target)


@pytest.mark.parametrize("target", ["", "ESPDL", 3, {"tag": "espdl", "devise": "esp32p4"}])
def test_what_is_no_target_is_refused(target):
    mod, _ = relay.frontend.from_onnx(quantized_digits("esp32s3"))
    with pytest.raises(ChipError, match="not one of ours"):
        relay.build(mod, target=target)


def test_what_tvm_cannot_legalize_is_an_error_of_ours():
    builder = QdqBuilder()
    zero = builder.constant(np.float32(0))
    builder.output(builder.node("Div", builder.input("x", [1, 4]), zero))
    with pytest.warns(EspdlWarning), pytest.raises(ModelError, match="Divide by zero"):
        compile_file(builder.model()).program  # noqa: B018


def called_main(model, old):
    """The model with one tensor called `main`."""
    graph = model.graph
    for names in (names for node in graph.node for names in (node.input, node.output)):
        names[:] = ["main" if name == old else name for name in names]
    for info in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        info.name = "main" if info.name == old else info.name
    return model


@pytest.mark.parametrize("operator", ["Transpose", "Flatten", "Identity", "MaxPool"])
@pytest.mark.parametrize("exponent", [-4, -3])
def test_a_tensor_that_passes_make_anew_may_have_the_name_of_the_function(operator, exponent):
    """With another exponent, a Requantize takes the tensor's name."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 4, 1, 1])
    y = builder.node(operator, x, **({"kernel_shape": [1, 1]} if operator == "MaxPool" else {}))
    y = builder.qdq(y, exponent)
    builder.output(y)
    builder.output(builder.qdq(builder.node("Abs", x), -3))
    network = compile_file(called_main(builder.model(21), y))
    sample = np.array([-1.0, 0.5, 2.0, 3.0], np.float32).reshape(1, 4, 1, 1)
    assert network.output_names[0] == "main"
    assert relax_of(network.program)["main"].params
    np.testing.assert_array_equal(network(sample)[0].ravel(), sample.ravel())


@pytest.mark.parametrize("place", ["input", "inside", "output", "constant"])
def test_a_tensor_may_have_the_name_of_the_function(place):
    builder = QdqBuilder()
    x = builder.quantized_input("x", [1, 4])
    y = builder.qdq(builder.node("Relu", x), -4)
    builder.output(y)
    model = builder.model()
    relu = next(node for node in model.graph.node if node.op_type == "Relu")
    graph = model.graph
    old = {
        "input": "x",
        "inside": relu.output[0],
        "output": y,
        "constant": graph.initializer[0].name,
    }[place]
    network = compile_file(called_main(model, old))
    sample = np.array([[-1.0, 0.5, 2.0, 100.0]], np.float32)
    np.testing.assert_array_equal(network(sample), [[0, 0.5, 2, 7.9375]])
    names = {"input": network.input_names, "output": network.output_names}.get(place, ("main",))
    assert names == ("main",)
    if place in ("input", "output"):
        assert "main" in network.run_with_intermediates(sample)


def test_unknown_device_names_the_nearest_chip():
    mod, _ = relay.frontend.from_onnx(quantized_digits("esp32s3"))
    with pytest.raises(ChipError, match=r"'esp32p5'.*try: esp32p4"):
        relay.build(mod, target={"tag": "espdl", "device": "esp32p5"})


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"nobody": (1, 1, 8, 8)}, "no such input.*nobody.*input"),
        ({"input": (1, 3, 8, 8)}, r"does not fit.*\(1, 3, 8, 8\).*\(1, 1, 8, 8\)"),
    ],
)
def test_wrong_shape_for_the_importer(shape, message):
    with pytest.raises(ModelError, match=message):
        relay.frontend.from_onnx(quantized_digits("esp32s3"), shape)


def image(**changes):
    array = digits_arrays()["images"][:1]
    return array.astype(changes["dtype"]) if changes else array


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda lib: lib(image()[0]), r"wrong shape.*\(1, 8, 8\).*\(1, 1, 8, 8\)"),
        (lambda lib: lib(image(dtype=np.float64)), "wrong dtype.*float64.*astype"),
        (lambda lib: lib(), "number of inputs.*found: 0"),
        (lambda lib: lib(image(), image()), "number of inputs.*found: 2"),
        (lambda lib: lib(nobody=image()), "do not fit.*nobody.*input"),
    ],
)
def test_wrong_inputs(call, message):
    with pytest.raises(DataError, match=message):
        call(library("digits", "esp32s3"))


def test_legacy_module_names_its_inputs():
    lib = library("digits", "esp32s3")
    module = tvm.contrib.graph_executor.GraphModule(lib["default"](tvm.cpu(0)))
    with pytest.raises(DataError, match=r"no such input.*'nobody'.*input"):
        module.set_input("nobody", image())
    with pytest.raises(DataError, match="nothing was run yet"):
        module.get_output(0)
    with pytest.raises(ModelError, match=r"no such module.*other.*default"):
        lib["other"]
