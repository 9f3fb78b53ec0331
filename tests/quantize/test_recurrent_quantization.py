"""GRU and LSTM: what is quantized, at which exponents, and why other layers stay float."""

import json

import numpy as np
import onnx
import pytest
from qdq_networks import PLAIN, Quantized, exponent_by_search, floats, network, node, run

from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.mixed.costs import network_cycles
from tvm_espdl.quantize.plan import make_plan
from tvm_espdl.quantize.precision import widen
from tvm_espdl.quantize.recurrent import name_states
from tvm_espdl.quantize.rule import Rule
from tvm_espdl.quantize.rules import rule_of

GATES = {"GRU": 3, "LSTM": 4}
STEPS, INPUTS, HIDDEN = 6, 8, 4
STATE = (1, 1, HIDDEN)


def weights(kind, seed=3):
    rows = GATES[kind] * HIDDEN
    return {
        "w": floats(1, rows, INPUTS, seed=seed, scale=0.4),
        "r": floats(1, rows, HIDDEN, seed=seed + 1, scale=0.4),
        "b": floats(1, 2 * rows, seed=seed + 2, scale=0.4),
    }


BATCH_FIRST = {"x": (1, STEPS, INPUTS)}
SEQUENCE = [node("Exp", "x", "e"), node("Transpose", "e", "s", perm=[1, 0, 2])]


def layer(kind, inputs="x w r b", outputs=("y",), **attributes):
    if kind == "GRU":
        attributes.setdefault("linear_before_reset", 1)
    made = node(kind, "", "", hidden_size=HIDDEN, **attributes)
    made.input.extend(["" if name == "-" else name for name in inputs.split()])
    made.output.extend(outputs)
    return made


def model_of(nodes, inputs=None, outputs=None, constants=None, opset=14):
    inputs = inputs or {"x": (STEPS, 1, INPUTS)}
    outputs = outputs or {"y": (STEPS, 1, 1, HIDDEN)}
    return network(nodes, inputs, outputs, constants or weights("GRU"), opset=opset)


def quantized(model, samples=None, chip="esp32s3", **options):
    inputs = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input
    }
    if samples is None:
        rng = np.random.default_rng(11)
        samples = [
            {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in inputs.items()}
            for _ in range(8)
        ]
    result = quantize_onnx(model, samples, chip, **{**PLAIN, **options})
    return result, Quantized(result.model), samples


def judged(made, inputs=None, constants=None, kind="GRU"):
    shapes = {"y": None} if made.output[0] else {"c": None}
    model = network([made], inputs or {"x": (STEPS, 1, INPUTS)}, shapes,
                    {**weights(kind), **(constants or {})}, opset=14)  # fmt: skip
    graph = Graph(onnx.shape_inference.infer_shapes(model))
    return rule_of(graph.nodes[0], graph)


SIZES = {"whole": np.full(1, STEPS, np.int32), "part": np.full(1, 2, np.int32)}


@pytest.mark.parametrize(
    ("made", "kind", "inputs", "said"),
    [
        (layer("GRU", direction="reverse"), "GRU", None, "reverse"),
        (layer("GRU", linear_before_reset=0), "GRU", None, "linear_before_reset"),
        (layer("GRU", activations=["Sigmoid", "Relu"]), "GRU", None, "sigmoid and tanh"),
        (layer("GRU", clip=3.0), "GRU", None, "clipping"),
        (layer("LSTM", input_forget=1), "LSTM", None, "coupled"),
        (layer("LSTM", "x w r b - - - p"), "LSTM", None, "peepholes"),
        (layer("GRU"), "GRU", {"x": (STEPS, 2, INPUTS)}, "a batch of 1"),
        (layer("GRU", "x w r b part"), "GRU", None, "several lengths"),
        (layer("GRU", "x w r big"), "GRU", None, "up to 65"),
        (layer("LSTM", outputs=("", "", "c")), "LSTM", None, "only its cells"),
        (
            layer("GRU", "x v r b"), "GRU",
            {"x": (STEPS, 1, INPUTS), "v": (1, 3 * HIDDEN, INPUTS)}, "not constant",
        ),
    ],
)  # fmt: skip
def test_what_the_chip_does_not_compute_stays_float(made, kind, inputs, said):
    big = np.full((1, 6 * HIDDEN), 65, np.float32)
    found = judged(made, inputs, {**SIZES, "big": big, "p": floats(1, 3 * HIDDEN)}, kind)
    assert isinstance(found, str)
    assert said in found


@pytest.mark.parametrize(
    ("made", "kind", "inputs"),
    [
        (layer("GRU", "x w r b whole"), "GRU", None),
        (layer("GRU", activations=["Sigmoid", "Tanh"]), "GRU", None),
        (layer("LSTM", activations=["Sigmoid", "Tanh", "Tanh"]), "LSTM", None),
        (layer("GRU", layout=1), "GRU", {"x": (1, STEPS, INPUTS)}),
    ],
)
def test_other_ways_to_say_the_usual(made, kind, inputs):
    assert isinstance(judged(made, inputs, SIZES, kind), Rule)


def test_reasons_are_in_the_report():
    model = model_of([*SEQUENCE, layer("GRU", "s w r b", linear_before_reset=0)], BATCH_FIRST)
    result, q, _ = quantized(model)
    (row,) = result.report.left_float
    assert row.operator == "GRU"
    lines = str(result.report).splitlines()
    assert any(line.startswith("left in float, because ESP-DL resets") for line in lines)
    (entry,) = json.loads(result.report.to_json())["left_float"]
    assert entry["reason"] == row.reason
    assert "resets behind the product" in result.report.to_html()
    # The layer reads what the chip holds: the dequantized integers.
    assert q.source(q.one("GRU")).op_type == "DequantizeLinear"


def test_a_layer_of_which_only_cells_are_read_stays_float():
    nodes = [*SEQUENCE, layer("LSTM", "s w r b", ("", "", "c"))]
    model = model_of(nodes, BATCH_FIRST, {"c": STATE}, weights("LSTM"))
    for skip in ((), ("drop_unread_outputs",)):
        result, _, _ = quantized(model, skip=skip)
        (row,) = result.report.left_float
        assert (row.operator, row.reason) == ("LSTM", "only its cells are read")


@pytest.mark.parametrize("kind", GATES)
def test_exponents_of_a_layer(kind):
    constants = weights(kind)
    outputs = ("y", "h", "c")[: 3 if kind == "LSTM" else 2]
    shapes = {"y": (STEPS, 1, 1, HIDDEN), **dict.fromkeys(outputs[1:], STATE)}
    model = model_of([layer(kind, outputs=outputs)], None, shapes, constants)
    _, q, samples = quantized(model)
    made = q.one(kind)
    for place, name in ((1, "w"), (2, "r")):
        assert q.into(made, place) == exponent_by_search(
            constants[name].min(), constants[name].max()
        )
        assert q.stored(made, place).dtype == np.int8
    # Biases are int16 at the exponent of the gates, which is ESP-PPQ's.
    assert (q.into(made, 3), q.stored(made, 3).dtype) == (-9, np.int16)
    exact = constants["b"].astype(np.float64) * 512
    np.testing.assert_array_equal(q.stored(made, 3), np.floor(exact + 0.5))
    y = np.concatenate([run(model, sample)["y"].ravel() for sample in samples])
    assert q.after(made, 0) == q.after(made, 1) == exponent_by_search(y.min(), y.max())
    if kind == "LSTM":
        (cells,) = q.readers(made.output[2])
        assert q.constants[cells.input[2]].dtype == np.int16
        assert int(q.exponents(cells)) == -9


def test_hidden_states_that_nobody_reads_count():
    """The last state is small, those before it are not: the kernel holds all at one exponent."""
    last = model_of([layer("GRU", outputs=("", "y"))], None, {"y": STATE})
    every = model_of([layer("GRU")])
    samples = [{"x": floats(STEPS, 1, INPUTS, seed=seed, scale=3)} for seed in range(8)]
    for sample in samples:
        sample["x"][-2:] = 0
    models = {"last": last, "every": every}
    found = {name: [run(m, sample)["y"] for sample in samples] for name, m in models.items()}
    wanted = {
        name: exponent_by_search(np.min(arrays), np.max(arrays)) for name, arrays in found.items()
    }
    assert wanted["last"] < wanted["every"]
    _, q, _ = quantized(last, samples)
    made = q.one("GRU")
    assert made.output[0] == ""
    assert q.after(made, 1) == wanted["every"]


def test_states_given_from_outside():
    """What a streaming network feeds back: hidden states like the results, cells like the gates."""
    inputs = {"x": (1, 1, INPUTS), "h": STATE, "c": STATE}
    made = layer("LSTM", "x w r b - h c", ("", "hn", "cn"))
    model = model_of([made], inputs, {"hn": STATE, "cn": STATE}, weights("LSTM"))
    result, q, samples = quantized(model)
    found = q.one("LSTM")
    assert q.into(found, 5) == q.after(found, 1)
    assert (q.into(found, 6), q.after(found, 2)) == (-9, -9)
    assert q.stored(found, 3).dtype == np.int16
    assert not q.requantized(found, 5)
    assert not q.requantized(found, 6)
    library = compile_file(result.model)
    assert {row.defined_by for row in library.report().nodes} == {"ESP-DL"}
    expected = [run(model, sample) for sample in samples]
    for sample, wanted in zip(samples, expected, strict=True):
        outputs = library.run([sample[name] for name in library.input_names])
        for name, output in zip(library.output_names, outputs, strict=True):
            np.testing.assert_allclose(output, wanted[name], rtol=0, atol=0.03)


def test_states_that_others_read_are_requantized():
    """A state of another range, and cells that an int8 operator makes."""
    inputs = {"x": (STEPS, 1, INPUTS), "h": STATE}
    nodes = [node("Tanh", "h", "e"), node("Neg", "e", "n"), layer("LSTM", "x w r b - e n")]
    outputs = {"y": (STEPS, 1, 1, HIDDEN), "e": STATE}
    model = model_of(nodes, inputs, outputs, weights("LSTM"))
    samples = {"x": floats(8, *inputs["x"]), "h": floats(8, *STATE, scale=1 / 64)}
    _, q, _ = quantized(model, [{k: v[i] for k, v in samples.items()} for i in range(8)])
    made = q.one("LSTM")
    assert q.requantized(made, 5)
    assert q.into(made, 5) == q.after(made, 0)
    assert q.requantized(made, 6)
    assert q.into(made, 6) == -9


def test_constant_states():
    constants = {**weights("LSTM"), "h": floats(*STATE, scale=0.1), "c": np.full(STATE, 0.5, "f4")}
    model = model_of([layer("LSTM", "x w r b - h c")], None, None, constants)
    result, q, samples = quantized(model)
    made = q.one("LSTM")
    assert q.into(made, 5) == q.after(made, 0)
    np.testing.assert_array_equal(q.stored(made, 6), np.full(STATE, 256, np.int16))
    library = compile_file(result.model)
    assert "lstm" in {step.operator.name for step in library.program.steps}
    wanted = run(model, samples[0])["y"]
    np.testing.assert_allclose(library.run([samples[0]["x"]])[0], wanted, rtol=0, atol=0.03)


def test_a_layer_in_int16_between_others_in_int8():
    constants = {**weights("GRU"), "k": floats(HIDDEN, 5, scale=0.3)}
    nodes = [*SEQUENCE, layer("GRU", "s w r b", name="gru"), node("MatMul", "y k", "z")]
    model = model_of(nodes, BATCH_FIRST, {"z": (STEPS, 1, 1, 5)}, constants)
    _, q, _ = quantized(model, int16=["gru"])
    made = q.one("GRU")
    assert q.requantized(made, 0)
    assert {q.stored(made, place).dtype for place in (1, 2, 3)} == {np.dtype(np.int16)}
    assert q.into(made, 3) == -9
    assert q.requantized(q.one("MatMul"), 0)


def test_widths_of_cells_do_not_depend_on_the_layer():
    made = layer("LSTM", "x w r b - h c", ("y", "hn", "cn"))
    inputs = {"x": (STEPS, 1, INPUTS), "h": STATE, "c": STATE}
    shapes = {"y": (STEPS, 1, 1, HIDDEN), "hn": STATE, "cn": STATE}
    model = name_states(model_of([made], inputs, shapes, weights("LSTM")))
    plan = make_plan(Graph(onnx.shape_inference.infer_shapes(model)))
    for found, bits in ((plan, 8), (widen(plan, ["*"]), 16)):
        assert {n: found.tensor_bits(n) for n in ("x", "y", "h", "hn", "c", "cn")} == {
            **dict.fromkeys(("x", "y", "h", "hn"), bits), "c": 16, "cn": 16
        }  # fmt: skip
        assert [found.operand_bits(0, place) for place in (0, 1, 2, 3, 5, 6)] == [
            bits, bits, bits, 16, bits, 16
        ]  # fmt: skip


def test_a_result_is_taken_as_it_is_and_the_same_on_every_run():
    model = model_of([*SEQUENCE, layer("GRU", "s w r b", ("", "h"))], BATCH_FIRST, {"h": STATE})
    first, second = (quantized(model)[0].model for _ in range(2))
    assert first.SerializeToString() == second.SerializeToString()
    assert quantize_onnx(first, None, "esp32s3").model.graph.node == first.graph.node


def test_cycles_of_a_layer_follow_its_products():
    """Weights of both sides, once per step and gate; int16 takes longer."""
    plans = []
    for steps in (STEPS, 2 * STEPS):
        model = model_of([layer("GRU")], {"x": (steps, 1, INPUTS)}, {"y": (steps, 1, 1, HIDDEN)})
        plans.append(make_plan(Graph(onnx.shape_inference.infer_shapes(model))))
    chip = find_chip("esp32s3")
    one, two = (network_cycles(plan, chip) for plan in plans)
    products = STEPS * 3 * HIDDEN * (INPUTS + HIDDEN)
    assert one == pytest.approx(products * chip.cycles.product[0])
    assert two == pytest.approx(2 * one)
    assert network_cycles(widen(plans[0], ["*"]), chip) > one


@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_steps_are_kept_by_what_they_do_to_the_chips_bits(chip):
    """The simulation has no gates in integers: it would keep steps by which these networks lose."""
    rng = np.random.default_rng(10)
    hidden, rows = 6, 18
    constants = {
        "w": rng.normal(size=(1, rows, 5)),
        "r": rng.normal(size=(1, rows, hidden)),
        "b": rng.normal(size=(1, 2 * rows)),
        "v": rng.normal(size=(3, hidden)),
        "d": rng.normal(size=3),
    }
    made = node("GRU", "x w r b", "", hidden_size=hidden, linear_before_reset=1)
    made.output.extend(["", "h"])
    nodes = [made, node("Squeeze", "h a", "q"), node("Gemm", "q v d", "y", transB=1)]
    constants = {name: value.astype(np.float32) for name, value in constants.items()}
    constants["a"] = np.array([0], np.int64)
    model = network(nodes, {"x": (5, 1, 5)}, {"y": (1, 3)}, constants, opset=17)
    samples = [{"x": x} for x in rng.normal(size=(64, 5, 1, 5)).astype(np.float32)]
    steps = quantize_onnx(model, samples, chip).report.steps
    assert [step.step for step in steps] == ["", "methods", "rounding", "equalization", "bias"]
    for step in steps[1:]:
        assert step.applied == (step.gain > 0), step
