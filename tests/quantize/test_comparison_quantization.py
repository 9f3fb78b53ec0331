"""Comparisons: at which exponents and widths their inputs meet, and what is left alone."""

import numpy as np
from onnx import TensorProto
from qdq_networks import PLAIN, Quantized, exponent_by_search, network, node, run

from tvm_espdl.compilation import compile_file
from tvm_espdl.quantize import quantize_onnx


def compared(nodes, outputs, inputs=None, constants=None, **options):
    inputs = inputs or {"x": (1, 8), "x2": (1, 8)}
    types = {name: TensorProto.BOOL for name in outputs if name.startswith("t")}
    model = network(nodes, inputs, outputs, constants, types=types)
    rng = np.random.default_rng(11)
    samples = [
        {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in inputs.items()}
        for _ in range(8)
    ]
    options = {"chip": "esp32s3", **PLAIN, **options}
    result = quantize_onnx(model, samples, **options)
    return model, result, Quantized(result.model), samples


def test_two_tensors_that_nothing_else_reads_share_an_exponent():
    nodes = [node("Exp", "x", "e"), node("Tanh", "x2", "f"), node("Less", "e f", "t")]
    _, result, q, _ = compared(nodes, {"t": (1, 8)})
    less = q.one("Less")
    assert q.into(less, 0) == q.into(less, 1) == exponent_by_search(0, np.e)
    assert not q.requantized(less, 0)
    assert not q.requantized(less, 1)
    assert result.report.left_float == ()


def test_tensors_that_others_read_meet_at_the_coarser_exponent():
    nodes = [
        node("Exp", "x", "e"), node("Tanh", "x2", "f"), node("Greater", "e f", "t"),
        node("Where", "t e f", "y"),
    ]  # fmt: skip
    model, result, q, samples = compared(nodes, {"y": (1, 8)})
    greater = q.one("Greater")
    e, f = exponent_by_search(0, np.e), exponent_by_search(-1, 0.77)
    # Nobody's own exponent changes, and only the finer one is requantized.
    assert (q.after(q.one("Exp")), q.after(q.one("Tanh"))) == (e, f)
    assert e > f
    assert not q.requantized(greater, 0)
    assert q.requantized(greater, 1)
    assert q.into(greater, 0) == q.into(greater, 1) == e
    library = compile_file(result.model)
    assert "greater" in {step.operator.name for step in library.program.steps}
    for sample in samples:
        found = library.run([sample[name] for name in library.input_names])[0]
        np.testing.assert_allclose(found, run(model, sample)["y"], rtol=0, atol=2.0**e)


def test_widths_meet_too():
    nodes = [
        node("Exp", "x", "e"), node("Tanh", "x2", "f"), node("Greater", "e f", "t"),
    ]  # fmt: skip
    for index, part in enumerate(nodes):
        part.name = f"n{index}"
    for wide, bits in ((["n0"], "int8"), (["n0", "n2"], "int16")):
        _, _, q, _ = compared(nodes, {"t": (1, 8)}, int16=wide)
        greater = q.one("Greater")
        assert q.into(greater, 0) == q.into(greater, 1)
        types = {str(q.constants[q.source(greater, place).input[2]].dtype) for place in (0, 1)}
        assert types == {bits}


def test_a_limit_stays_a_number():
    """The compiler finds the integer that decides alike; rounding the limit would not."""
    nodes = [node("Exp", "x", "e"), node("GreaterOrEqual", "e limit", "t")]
    limit = {"limit": np.float32(0.7)}
    model, result, q, samples = compared(nodes, {"t": (1, 8)}, {"x": (1, 8)}, limit, chip="esp32p4")
    assert q.one("GreaterOrEqual").input[1] == "limit"
    library = compile_file(result.model)
    assert "greater_equal" in {step.operator.name for step in library.program.steps}
    for sample in samples:
        (found,) = library.run([sample["x"]])
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found, run(result.model, sample)["t"])
    assert model.graph.output[0].type.tensor_type.elem_type == TensorProto.BOOL


def test_what_only_float_operators_make_is_compared_in_float():
    nodes = [
        node("Sin", "x", "s"), node("Less", "s limit", "m"), node("Exp", "x2", "e"),
        node("Where", "m e s", "y"),
    ]  # fmt: skip
    _, result, q, _ = compared(nodes, {"y": (1, 8)}, None, {"limit": np.float32(0.3)})
    assert q.one("Less").input[0] == "s"
    reasons = {row.operator: row.reason for row in result.report.left_float}
    assert "only moves or compares" in reasons["Less"]
