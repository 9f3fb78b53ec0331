"""Recurrent layers of QDQ models: on ESP-DL where it has them, spelled out on TVM where not."""

import numpy as np
import onnxruntime
import pytest
import tvm
from network_in_c import run_network
from networks import by_reference
from qdq_builder import QdqBuilder
from qdq_recurrent import HIDDEN, INPUTS, STEPS, float_layer, layer, weights
from tvm import relax

from tvm_espdl import relay
from tvm_espdl.relay import transform

TAKEN = [
    ("GRU", "esp32", {}),
    ("GRU", "esp32p4", {"direction": "bidirectional", "states": "h", "dtype": np.int16}),
    ("GRU", "esp32s3", {"results": (1,), "bias": "none"}),
    ("LSTM", "esp32p4", {"bias": "float"}),
    ("LSTM", "esp32s3", {"results": (0, 1, 2), "states": "hc"}),
    ("LSTM", "esp32", {"results": (1, 2), "bias": "none", "direction": "bidirectional"}),
]
SPELLED_OUT = [
    ("GRU", {"linear_before_reset": 0, "states": "h"}),
    ("GRU", {"linear_before_reset": 1, "direction": "reverse"}),
    ("GRU", {"linear_before_reset": 0, "direction": "bidirectional", "batch": 3}),
    ("LSTM", {"direction": "reverse", "states": "hc", "batch": 2}),
    ("LSTM", {"direction": "bidirectional"}),
]


def compiled(kind, chip, given):
    model = layer(kind, **given)
    mod, params = relay.frontend.from_onnx(model)
    library = relay.build(mod, target=f"espressif/{chip}", params=params)
    rng = np.random.default_rng(17)
    shapes = [library.program.values[name].shape for name in library.program.inputs]
    inputs = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
    return model, library, inputs


def by_onnxruntime(model, library, inputs):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(zip(library.input_names, inputs, strict=True)))


def kinds(library):
    return {step.operator.name for step in library.program.steps}


@pytest.mark.parametrize(("kind", "chip", "given"), TAKEN)
def test_layer_runs_on_espdl(kind, chip, given, c_compiler):
    model, library, inputs = compiled(kind, chip, given)
    assert kinds(library) <= {"quantize", "dequantize", "slice", "concat", "reshape", kind.lower()}
    (row,) = library.report().nodes
    assert (row.type, row.defined_by) == (kind, "ESP-DL")
    # All hidden states and the last ones are one call, cells another.
    calls = [s.operator.name for s in library.program.steps].count(kind.lower())
    assert calls == (2 if 2 in given.get("results", ()) else 1)
    values = by_reference(library.program, inputs)
    in_c = run_network(library.program, [inputs], c_compiler)[0]
    found = library.run(inputs)
    for name, result, c_result in zip(library.program.outputs, found, in_c, strict=True):
        np.testing.assert_array_equal(result, values[name])
        np.testing.assert_array_equal(result, c_result)
    # The integers' steps: of results, and of gates.
    step = 2.0**-7 if given.get("dtype", np.int8) == np.int8 else 0
    for result, wanted in zip(found, by_onnxruntime(model, library, inputs), strict=True):
        np.testing.assert_allclose(result, wanted, rtol=0, atol=step + 2.0**-8)


def test_layer_that_is_refused_runs_on_tvm():
    """Its float results, quantized, are those of onnxruntime but for sums at a tie."""
    model, library, inputs = compiled("GRU", "esp32s3", {"direction": "reverse", "steps": 2})
    assert "gru" not in kinds(library)
    (row,) = library.report().nodes
    assert row.defined_by == "TVM"
    rules = {reason.refusal.rule for reason in library.report().reasons}
    assert "direction_is_forward" in rules
    for result, wanted in zip(
        library.run(inputs), by_onnxruntime(model, library, inputs), strict=True
    ):
        steps = np.abs(result - wanted) * 2.0**7
        assert steps.max() <= 1
        assert np.mean(steps > 0) < 0.05


def spelled_out(model, inputs):
    mod = transform.spell_layers(relay.frontend.from_onnx(model)[0])
    machine = relax.VirtualMachine(tvm.compile(mod, "llvm"), tvm.cpu())
    return [result.numpy() for result in machine["main"](*map(tvm.runtime.tensor, inputs))]


def floats(model, seed=19):
    rng = np.random.default_rng(seed)
    shapes = [[d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input]
    return [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(("kind", "given"), SPELLED_OUT)
def test_layer_is_spelled_out_as_onnx_has_it(kind, given):
    model = float_layer(kind, **given)
    inputs = floats(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in model.graph.input]
    wanted = session.run(None, dict(zip(names, inputs, strict=True)))
    for result, expected in zip(spelled_out(model, inputs), wanted, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_layer_is_spelled_out_with_the_batch_first():
    given = {"direction": "bidirectional", "states": "h"}
    first, second = (float_layer("GRU", layout=layout, **given) for layout in (1, 0))
    inputs = floats(first)
    swapped = [np.ascontiguousarray(np.swapaxes(array, 0, 1)) for array in inputs]
    y, last = spelled_out(second, swapped)
    found = spelled_out(first, inputs)
    np.testing.assert_allclose(found[0], y.transpose(2, 0, 1, 3), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], last.transpose(1, 0, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "direction"), [("GRU", "forward"), ("LSTM", "bidirectional")])
def test_the_batch_may_come_first(kind, direction):
    """ONNX's layout 1, which onnxruntime does not have: the same numbers in other places."""
    given = {"direction": direction, "states": "hc" if kind == "LSTM" else "h"}
    _, first, inputs = compiled(kind, "esp32s3", {**given, "layout": 1})
    _, second, _ = compiled(kind, "esp32s3", given)
    assert kind.lower() in kinds(first)
    swapped = [np.ascontiguousarray(np.swapaxes(array, 0, 1)) for array in inputs]
    y, last = second.run(swapped)
    found = first.run(inputs)
    np.testing.assert_array_equal(found[0], y.transpose(2, 0, 1, 3))
    np.testing.assert_array_equal(found[1], last.transpose(1, 0, 2))


def test_float_biases_beyond_the_gates_are_limited_and_reported():
    builder = QdqBuilder()
    rows = 3 * HIDDEN
    weights = [builder.weights(np.zeros((1, rows, size), np.int8), -7) for size in (INPUTS, HIDDEN)]
    bias = builder.constant(np.full((1, 2 * rows), 65, np.float32))
    x = builder.quantized_input("x", (STEPS, 1, INPUTS), -7)
    y = builder.node(
        "GRU", x, *weights, bias, outputs=2, hidden_size=HIDDEN, linear_before_reset=1
    )[0]
    builder.output(builder.qdq(y, -7))
    mod, params = relay.frontend.from_onnx(builder.model())
    library = relay.build(mod, target="espressif/esp32s3", params=params)
    assert any("up to 65" in warning for warning in library.report().warnings)


@pytest.mark.parametrize(
    ("kind", "chip", "dtype", "exponents"),
    [
        ("GRU", "esp32s3", np.int8, (-7, -7)),
        ("GRU", "esp32p4", np.int16, (-15, -15)),
        ("LSTM", "esp32", np.int8, (-7, -7)),
        ("LSTM", "esp32s3", np.int16, (-15, -14)),
        ("GRU", "esp32p4", np.int8, (-7, -6)),
    ],
)
def test_two_layers_of_which_states_and_last_states_are_read(kind, chip, dtype, exponents):
    """As torch exports num_layers=2: all states go on at once, the last ones are results."""
    builder, rng = QdqBuilder(dtype), np.random.default_rng(23)
    first = exponents[0]
    attributes = {"linear_before_reset": 1} if kind == "GRU" else {}
    x = builder.quantized_input("x", (STEPS, 1, INPUTS), first)
    for size in (INPUTS, 2 * HIDDEN):
        w, r, b = weights(rng, kind, 2, dtype)
        w = np.resize(w, (2, w.shape[1], size))
        constants = [builder.weights(array, first) for array in (w, r)]
        y, last = builder.node(
            kind, x, *constants, builder.weights(b, -9), outputs=2, hidden_size=HIDDEN,
            direction="bidirectional", **attributes,
        )  # fmt: skip
        y = builder.qdq(y, first)
        moved = builder.qdq(builder.node("Transpose", y, perm=[0, 2, 1, 3]), first)
        x = builder.node("Reshape", moved, builder.constant(np.array([0, 0, -1])))
        x = builder.qdq(x, first)
        builder.output(builder.qdq(last, exponents[1]))
    builder.output(x)
    model = builder.model(opset=21)
    library = relay.build(*relay.frontend.from_onnx(model)[:1], target=f"espressif/{chip}")
    rows = [row.defined_by for row in library.report().nodes if row.type == kind]
    assert set(rows) == {"ESP-DL"} if exponents[0] == exponents[1] else "ESP-DL" in rows
    inputs = [rng.uniform(-1, 1, (STEPS, 1, INPUTS)).astype(np.float32)]
    values = by_reference(library.program, inputs)
    wanted = by_onnxruntime(model, library, inputs)
    found = library.run(inputs)
    for name, result, real in zip(library.program.outputs, found, wanted, strict=True):
        np.testing.assert_array_equal(result, values[name])
        np.testing.assert_allclose(result, real, rtol=0, atol=0.04)
