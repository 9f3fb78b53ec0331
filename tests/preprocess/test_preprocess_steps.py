"""Every step of preprocessing: what it rewrites and leaves, equal numbers, and switching it off."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from preprocess_cases import CASES, GATE, SWISH, graph
from qdq_networks import floats, network, node, run

from tvm_espdl.errors import EspdlError, ModelError
from tvm_espdl.preprocess.steps import STEPS
from tvm_espdl.quantize import preprocess_onnx, preprocess_with_report, quantize_onnx

SEEN_ELSEWHERE = {
    "constants_second",
    "normalize_gemm",
    "clear_descriptions",
    "clear_shapes",
    "half_to_float",
}  # in the tests below: no node goes

# Steps that would do the same thing, or that the example needs out of its way.
ALSO_OFF = {
    "hard_swish": {"hard_sigmoid"},
    "fold_constants": {"remove_no_ops"},
}
ON = {"average_pool_to_conv", "clear_descriptions", "clear_shapes"}


def forms(model):
    """Operators in order, with the number of outputs where there are several."""
    numbers = [sum(1 for name in n.output if name) for n in model.graph.node]
    names = [n.op_type for n in model.graph.node]
    return [a if n == 1 else f"{a}:{n}" for a, n in zip(names, numbers, strict=True)]


def compare(model, prepared):
    """Both compute the same on values that reach every piece of an activation."""
    onnx.checker.check_model(prepared, full_check=True)
    (value,) = model.graph.input
    shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
    for x in (floats(*shape, seed=7, scale=4), np.linspace(-8, 8, np.prod(shape), dtype="f4")):
        expected = run(model, {"x": x.reshape(shape)})
        for name, found in run(prepared, {"x": x.reshape(shape)}).items():
            np.testing.assert_allclose(found, expected[name], rtol=1e-4, atol=1e-4)


def every_case():
    for step, cases in CASES.items():
        for name in cases:
            yield pytest.param(step, name, id=f"{step}: {name}")


@pytest.mark.parametrize(("step", "name"), list(every_case()))
def test_step(step, name):
    model, off, on = CASES[step][name]
    others = ALSO_OFF.get(step, set())
    without = preprocess_onnx(model, skip={step, *others})
    assert forms(without) == off.split()
    compare(model, without)
    prepared = preprocess_onnx(model, skip=others, enable={step} & ON)
    assert forms(prepared) == on.split()
    compare(model, prepared)


def test_every_step_has_a_case():
    assert {step.name for step in STEPS} == {*CASES, *SEEN_ELSEWHERE}
    assert {step.name for step in STEPS if not step.on} == ON


def test_constants_come_second():
    model = graph([node("Mul", "k x", "y")], {"k": floats(6)})
    assert list(preprocess_onnx(model).graph.node[0].input) == ["x", "k"]
    kept = preprocess_onnx(model, skip=["constants_second"])
    assert list(kept.graph.node[0].input) == ["k", "x"]
    compare(model, kept)


def test_gemm_gets_one_form():
    model = graph(
        [node("Gemm", "x k c", "y", alpha=0.5, beta=2.0)],
        {"k": floats(5, 3), "c": floats(1, 3)}, (1, 3), inputs={"x": (1, 5)},
    )  # fmt: skip
    prepared = preprocess_onnx(model)
    assert [(a.name, a.i) for a in prepared.graph.node[0].attribute] == [("transB", 1)]
    assert sorted(tuple(t.dims) for t in prepared.graph.initializer) == [(3,), (3, 5)]
    compare(model, prepared)
    kept = preprocess_onnx(model, skip=["normalize_gemm"])
    assert {a.name for a in kept.graph.node[0].attribute} == {"alpha", "beta"}
    compare(model, kept)


def test_swish_stays_as_it_is():
    nodes = [node("Sigmoid", "x", "s"), node("Mul", "x s", "y")]
    assert forms(preprocess_onnx(graph(nodes))) == ["Sigmoid", "Mul"]


def test_dropout_in_training_stays():
    nodes = [node("Dropout", "x ratio training", "d"), node("Neg", "d", "y")]
    constants = {"ratio": np.float32(0.5), "training": np.bool_(True)}
    assert forms(preprocess_onnx(graph(nodes, constants))) == ["Dropout", "Neg"]


def test_hard_swish_raises_the_operator_set_that_lacks_it():
    nodes = [*GATE, node("Mul", "x c", "p"), node("Div", "p six", "y")]
    prepared = preprocess_onnx(graph(nodes, SWISH, opset=13))
    assert forms(prepared) == ["HardSwish"]
    assert prepared.opset_import[0].version == 14
    kept = preprocess_onnx(graph([node("Relu", "x", "y")], opset=13))
    assert kept.opset_import[0].version == 13


def test_hard_swish_in_every_piece():
    """Against the definition in double precision, densely from -8 to 8."""
    x = np.linspace(-8, 8, 4001, dtype=np.float32)[np.newaxis]
    nodes = [*GATE, node("Mul", "x c", "p"), node("Div", "p six", "y")]
    model = graph(nodes, SWISH, (1, 4001), inputs={"x": (1, 4001)})
    wide = x.astype(np.float64)
    found = run(preprocess_onnx(model), {"x": x})["y"]
    np.testing.assert_allclose(found, wide * np.clip(wide + 3, 0, 6) / 6, rtol=1e-5, atol=1e-6)


def test_limits_are_scalars():
    """A Clip with limits of another shape is no ONNX, though onnxruntime takes it."""
    prepared = preprocess_onnx(CASES["merge_clips"]["clip, relu, clip"][0])
    assert [(t.dims, t.float_data or t.raw_data) for t in prepared.graph.initializer] == [
        ([], np.float32(0).tobytes()), ([], np.float32(3).tobytes())
    ]  # fmt: skip


def test_every_step_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "quantizer_inputs.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `") and "--" not in line]
    assert rows == [
        f"| `{step.name}` | {step.sentence}{'' if step.on else ' Off by default.'} |"
        for step in STEPS
    ]


def test_descriptions_are_cleared_where_it_is_asked_for():
    model = graph([node("Relu", "x", "t"), node("Neg", "t", "y", doc_string="from line 7")])
    model.doc_string = model.graph.doc_string = model.graph.input[0].doc_string = "secret"
    assert b"secret" in preprocess_onnx(model).SerializeToString()
    cleared = preprocess_onnx(model, enable=["clear_descriptions"])
    assert forms(cleared) == ["Relu", "Neg"]
    for text in (b"secret", b"line 7"):
        assert text not in cleared.SerializeToString()


def test_unused_inputs_stay():
    model = network([node("Neg", "x", "y")], {"x": (1, 4), "unread": (1, 2)}, {"y": (1, 4)})
    assert [value.name for value in preprocess_onnx(model).graph.input] == ["x", "unread"]


def test_unknown_steps_are_refused_with_the_nearest():
    model = graph([node("Neg", "x", "y")])
    for option in ("skip", "enable"):
        with pytest.raises(
            ModelError, match=rf"{option}: .*'fold_batchnorm'.* try: fold_batch_norm"
        ):
            preprocess_onnx(model, **{option: ["fold_batchnorm"]})
    with pytest.raises(ModelError, match="both switched off and on; found: 'fuse_pads'"):
        preprocess_onnx(model, skip=["fuse_pads"], enable=["fuse_pads"])


def test_the_choice_of_steps_stays_with_the_model():
    model = CASES["fuse_pads"]["zeros"][0]
    pooled = node("AveragePool", "y", "z", kernel_shape=[3, 2])
    model = helper.make_model(
        helper.make_graph([*model.graph.node, pooled], "g", model.graph.input,
                          [helper.make_tensor_value_info("z", 1, [1, 4, 1, 7])],
                          model.graph.initializer),
        opset_imports=model.opset_import, ir_version=8,
    )  # fmt: skip
    chosen = preprocess_onnx(model, skip=["fuse_pads"], enable=["average_pool_to_conv"])
    assert forms(chosen) == ["Pad", "Conv", "Conv"]
    assert preprocess_onnx(chosen) == chosen
    assert not preprocess_onnx(model).metadata_props
    assert forms(preprocess_onnx(chosen, enable=["fuse_pads"])) == ["Conv", "Conv"]


def test_shapes_are_taken_away_at_the_end():
    """Inputs and outputs keep theirs; the steps before find all shapes, as quantizing does."""
    model, _, on = CASES["fold_constants"]["slice"]
    prepared, report = preprocess_with_report(model, enable="clear_shapes")
    assert forms(prepared) == on.split()
    assert not prepared.graph.value_info
    assert [v.type.tensor_type.HasField("shape") for v in
            (*prepared.graph.input, *prepared.graph.output)] == [True, True]  # fmt: skip
    assert dict(report.steps).get("clear_shapes", 0) == len(preprocess_onnx(model).graph.value_info)
    compare(model, prepared)
    again = preprocess_onnx(prepared)  # it is not remembered: quantizing needs them
    assert [*again.graph.value_info] == [*preprocess_onnx(model).graph.value_info]
    with pytest.raises(EspdlError, match="is for float models that are written"):
        quantize_onnx(graph(conv_net()), floats(8, 4, 6, 6), enable="clear_shapes")


def conv_net():
    return [node("Relu", "x", "y")]


def test_halves_are_a_step():
    model = graph([node("Mul", "x k", "y")], {"k": floats(6).astype(np.float16)})
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    prepared, report = preprocess_with_report(model)
    assert dict(report.steps)["half_to_float"] == 3  # the constant, the input and the output
    kinds = {value.type.tensor_type.elem_type for value in prepared.graph.input}
    assert kinds == {onnx.TensorProto.FLOAT}
    x = floats(*model_shape(model))
    expected = run(model, {"x": x.astype(np.float16)})["y"]
    np.testing.assert_allclose(run(prepared, {"x": x})["y"], expected, rtol=2e-3)
    kept = preprocess_onnx(model, skip="half_to_float")
    assert kept.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    assert kept.graph.initializer[0].data_type == onnx.TensorProto.FLOAT16
    assert model.graph.initializer[0].data_type == onnx.TensorProto.FLOAT16


def model_shape(model):
    return [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
