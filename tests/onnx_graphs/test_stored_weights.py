"""Weights that are stored as integers only: the network is a float network all the same."""

import numpy as np
from foreign_networks import Qdq, operators, run

from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.stored_weights import float_weights
from tvm_espdl.program import Native
from tvm_espdl.quantize import quantize_onnx

RNG = np.random.default_rng(31)
W = RNG.integers(-127, 128, (8, 5)).astype(np.int8)


def network(*, data=False):
    """A layer; with `data`, its result is quantized as well."""
    net = Qdq()
    x = net.input("x", (1, 8))
    scales = np.linspace(0.003, 0.02, 5).astype(np.float32)
    inputs = [net.constant(W), net.constant(scales), net.constant(np.zeros(5, np.int8))]
    w = net.node("DequantizeLinear", *inputs, axis=1)
    y = net.node("MatMul", x, w)
    return net.model(net.pair(y, 0.25, np.int8(0)) if data else y)


def test_they_are_floats_where_nothing_else_is_quantized():
    model, x = network(), RNG.normal(size=(1, 8)).astype(np.float32)
    before = model.SerializeToString()
    plain = float_weights(model)
    assert model.SerializeToString() == before
    assert operators(plain) == ["MatMul"]
    name = model.graph.output[0].name
    found, expected = (run(one, {"x": x})[name] for one in (plain, model))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert float_weights(network(data=True)).graph.node == network(data=True).graph.node


def test_the_quantizer_takes_them_for_a_float_network():
    data = RNG.normal(size=(16, 8)).astype(np.float32)
    library = compile_file(quantize_onnx(network(), data, measure=False).model)
    assert not any(isinstance(step.operator, Native) for step in library.program.steps)
