"""Masks before a Softmax: what it makes 0 anyhow sets no exponent, and never becomes NaN."""

import numpy as np
import onnx
import pytest
from noise import CHIPS, UNSEEN, decibels, level, outputs, quantized, samples
from onnx import TensorProto
from qdq_networks import Quantized, floats, network, node, run

from tvm_espdl.errors import EspdlError
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import measure_accuracy
from tvm_espdl.quantize.masks import LARGEST, additive_masks

STEPS, WIDTH = 6, 16
SHAPE = (1, STEPS, WIDTH)
LEAST = np.float32(np.finfo(np.float32).min)
WIDTHS = [pytest.param((), id="int8"), pytest.param("*", id="int16")]
#: Whether a key lies behind the query.
BEHIND = np.triu(np.ones((STEPS, STEPS), bool), 1)[np.newaxis]


def attention(*masking, inputs=None, types=None, **constants):
    """Scores `s` of queries and keys become `m`, of which the Softmax is taken."""
    constants = {name: np.asarray(value) for name, value in constants.items()}
    constants |= {f"w{i}": floats(WIDTH, WIDTH, seed=i, scale=0.35) for i in range(2)}
    nodes = [
        node("MatMul", "x w0", "q"),
        node("MatMul", "x w1", "k"),
        node("Transpose", "k", "t", perm=[0, 2, 1]),
        node("MatMul", "q t", "s"),
        *masking,
        node("Softmax", "m", "p", axis=-1),
        node("MatMul", "p x", "y"),
    ]
    return network(nodes, {"x": SHAPE, **(inputs or {})}, {"y": SHAPE}, constants, types=types)


def added(value):
    return attention(node("Add", "s a", "m"), a=np.where(BEHIND, value, 0).astype(np.float32))


def keys(data, make):
    """Samples with an input that tells which keys there are."""
    rng = np.random.default_rng(3)
    for x in data:
        there = np.arange(STEPS) < rng.integers(3, STEPS + 1)
        x["there"] = make(there).reshape(1, 1, STEPS)
    return data


def ones(there):
    return there.astype(np.float32)


THERE = {"inputs": {"there": (1, 1, STEPS)}}
INVERSE = node("Sub", "one there", "missing")
ONE = np.float32(1)

#: Network, and what makes the input of keys.
CASES = {
    "-30": (added(-30.0), None),
    "-1e4": (added(-1e4), None),
    "-1e9": (added(-1e9), None),
    "least": (added(LEAST), None),
    "-inf": (added(-np.inf), None),
    "where": (attention(node("Where", "b v s", "m"), b=BEHIND, v=np.float32(-np.inf)), None),
    "where not": (attention(node("Where", "b s v", "m"), b=~BEHIND, v=LEAST), None),
    "where, small": (attention(node("Where", "b s v", "m"), b=~BEHIND, v=np.float32(-99)), None),
    "bounded": (
        attention(
            *(node("Add", "s a", "c"), node("Max", "c least", "m")),
            a=np.where(BEHIND, LEAST, 0).astype(np.float32),
            least=LEAST,
        ),
        None,
    ),
    "scaled behind": (
        attention(
            *(node("Add", "s a", "c"), node("Mul", "c half", "m")),
            a=np.where(BEHIND, -1e9, 0).astype(np.float32),
            half=np.float32(0.5),
        ),
        None,
    ),
    "reshaped": (
        attention(
            *(node("Add", "s a", "c"), node("Reshape", "c shape", "m")),
            a=np.where(BEHIND, -1e4, 0).astype(np.float32),
            shape=np.int64([1, STEPS, STEPS]),
        ),
        None,
    ),
    "computed": (
        attention(
            *(INVERSE, node("Mul", "missing large", "a"), node("Add", "s a", "m")),
            **THERE,
            one=ONE,
            large=np.float32(-1e4),
        ),
        ones,
    ),
    "computed, subtracted": (
        attention(
            *(INVERSE, node("Mul", "missing large", "a"), node("Sub", "s a", "m")),
            **THERE,
            one=ONE,
            large=np.float32(1e30),
        ),
        ones,
    ),
    "given": (
        attention(node("Add", "s there", "m"), **THERE),
        lambda there: np.where(there, 0, -1e9).astype(np.float32),
    ),
    "given as integers": (
        attention(
            *(node("Equal", "there zero", "b"), node("Where", "b v s", "m")),
            **THERE,
            types={"there": TensorProto.INT64},
            zero=np.int64(0),
            v=np.float32(-1e9),
        ),
        lambda there: there.astype(np.int64),
    ),
}


@pytest.mark.parametrize("int16", WIDTHS)
@pytest.mark.parametrize("name", CASES)
def test_masks_cost_nothing(name, int16):
    """Two dB of int8: a mask needs more room than scores."""
    model, make = CASES[name]
    data = samples({"x": SHAPE}, scale=0.6)
    data = data if make is None else keys(data, make)
    chip = CHIPS[list(CASES).index(name) % len(CHIPS)]
    found = level(model, data, chip, int16=int16)
    assert found > (60 if int16 else 22), (chip, found)


def test_every_chip_has_what_a_soft_mask_has():
    """Only the size of what is masked differs."""
    data = samples({"x": SHAPE}, scale=0.6)
    for chip in CHIPS:
        soft, hard = (level(added(value), data, chip) for value in (-30.0, -np.inf))
        assert abs(soft - hard) < 0.5, chip


def test_a_classifier_with_a_mask():
    """What the last Softmax reads is no measure of the network: masks may be any large number."""
    model = network(
        [node("MatMul", "x w", "a"), node("Add", "a m", "b"), node("Softmax", "b", "y")],
        {"x": (1, 8)},
        {"y": (1, 5)},
        {"w": floats(8, 5, seed=1), "m": np.float32([[0, 0, -1e9, 0, -1e9]])},
    )
    data = samples({"x": (1, 8)}, count=44)
    assert level(model, data, "esp32p4") > 22
    result = quantized(model, data, "esp32p4")
    text = str(result.report)
    assert "judged by b" not in text
    assert "masks before Softmax_2 may saturate" in text
    assert "saturate at exponent" not in text
    # The mask is no bias of the layer, whose accumulator would have to hold it.
    assert len(Quantized(result.model).all("Add")) == 1


def test_the_model_that_is_given_stays_as_it_is():
    model = added(-np.inf)
    before = model.SerializeToString()
    result = quantized(model, samples({"x": SHAPE}), "esp32s3")
    assert model.SerializeToString() == before
    assert all(np.isfinite(v).all() for v in Quantized(result.model).constants.values())


def test_a_mask_that_something_else_reads_is_left_alone():
    """The sum is an output as well: of that nothing is known to be 0."""
    model = added(-1e9)
    model.graph.output.append(network([], {}, {"m": (1, STEPS, STEPS)}).graph.output[0])
    model = onnx.shape_inference.infer_shapes(model)
    assert additive_masks(model) is model


def test_masks_become_sums_of_the_same_value():
    x = samples({"x": SHAPE}, count=1)[0]
    for name in ("least", "-inf", "where", "where not", "bounded"):
        model = onnx.shape_inference.infer_shapes(CASES[name][0])
        changed = additive_masks(model)
        assert changed is not model
        graph = Graph(changed)
        assert not {"Where"} & {n.op_type for n in graph.nodes}
        for tensor in changed.graph.initializer:
            value = onnx.numpy_helper.to_array(tensor)
            assert (
                value.dtype != np.float32
                or not len(graph.consumers(tensor.name))
                or (np.abs(value) <= max(LARGEST, -LEAST if name == "bounded" else 0)).all()
            )
        np.testing.assert_allclose(run(changed, x)["y"], run(model, x)["y"], rtol=1e-6)


def test_infinite_masks_in_the_data_are_refused_by_name():
    data = keys(samples({"x": SHAPE}), lambda there: np.where(there, 0, -np.inf).astype("f4"))
    with pytest.raises(EspdlError, match=r"there.*finite"):
        quantized(CASES["given"][0], data, "esp32s3")


def logarithms(value, *, places=(2, 4)):
    """Log-probabilities of 6 classes, of which some are masked."""
    mask = np.zeros((1, 6), np.float32)
    mask[0, list(places)] = value
    nodes = [node("MatMul", "x w", "a"), node("Add", "a m", "b"), node("LogSoftmax", "b", "y")]
    return network(nodes, {"x": (1, 8)}, {"y": (1, 6)}, {"w": floats(8, 6, seed=1), "m": mask})


@pytest.mark.parametrize("int16", WIDTHS)
@pytest.mark.parametrize("value", [-1e4, -1e9, LEAST, -np.inf])
def test_masks_before_a_log_softmax(value, int16):
    """What is not masked has what it has without masks; what is masked stays far below."""
    data = samples({"x": (1, 8)}, count=44)
    for chip in CHIPS:
        result = quantized(logarithms(value), data, chip, int16=int16)
        found = np.stack([x["y"] for x in outputs(result.model, chip, data[-UNSEEN:])])[:, 0]
        wanted = np.stack([run(logarithms(value), x)["y"] for x in data[-UNSEEN:]])[:, 0]
        assert np.isfinite(found).all()
        kept, masked = [0, 1, 3, 5], [2, 4]
        assert decibels(wanted[:, kept], found[:, kept]) > (55 if int16 else 25), chip
        assert (found[:, masked].max(axis=1) < found[:, kept].max(axis=1) - 6).all()
        assert (found[:, masked].max(axis=1) <= found[:, kept].min(axis=1)).all()


def test_masked_logarithms_are_no_noise():
    """In the report and in what is measured of two files; steps are judged by the others, too."""
    data = samples({"x": (1, 8)}, count=44)
    model = logarithms(-np.inf)
    result = quantized(model, data, "esp32s3", measure=True)
    assert result.report.accuracy.snr > 25
    assert all(step.judged > 20 for step in result.report.steps)
    assert measure_accuracy(model, result.model, data[-UNSEEN:]).snr > 25
    assert "masks before LogSoftmax_2 may saturate" in str(result.report)


def test_low_logits_of_a_log_softmax_are_no_masks():
    """Nothing says that a probability of e^-90 does not count."""
    model = logarithms(-90.0)
    data = samples({"x": (1, 8)}, count=44)
    assert level(model, data, "esp32s3") > 25
    assert "may saturate" not in str(quantized(model, data, "esp32s3").report)
