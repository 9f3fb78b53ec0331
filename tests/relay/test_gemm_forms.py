"""The forms of a matrix product with constant weights: each becomes one gemm."""

import numpy as np
import pytest
from form_checks import GEMM, IMAGE, RNG, calls, constants, image, record, rows
from qdq_product import Network, assert_same, integers, on_tvm, operators_of, rules_of


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias", ["none", "float", "integer", "row"])
def test_gemm(transposed, bias):
    net = Network()
    w = integers(RNG, "int8", (9, 12) if transposed else (12, 9))
    values = RNG.integers(-999, 999, (1, 9) if bias == "row" else (9,)).astype(np.int32)
    operands = {
        "none": [],
        "float": [net.constant(values.ravel().astype(np.float32) / 1024)],
        "integer": [net.weights(values, -10)],
        "row": [net.weights(values, -10)],
    }[bias]
    y = net.node(
        *("Gemm", net.input("x", (1, 12), -4), net.weights(w, -6), *operands),
        transB=transposed,
    )
    lib = net.build(net.quantized(net.node("Relu", y), -2))
    calls(lib, GEMM)
    if bias != "none":
        assert constants(lib, "gemm")[1].tolist() == values.ravel().tolist()
    assert_same(lib, rows())


def test_matmul_and_add_are_a_gemm():
    net = Network()
    w = net.weights(integers(RNG, "int8", (12, 9)), -6)
    y = net.node("MatMul", net.input("x", (1, 5, 12), -4), w)
    y = net.node("Add", net.constant(RNG.normal(size=9).astype(np.float32)), y)
    lib = net.build(net.quantized(y, -2))
    calls(lib, GEMM)
    assert_same(lib, rows((1, 5, 12)))


def test_gemm_with_its_input_transposed():
    net = Network()
    w = net.weights(integers(RNG, "int8", (1, 9)), -6)
    y = net.node("Gemm", net.input("x", (1, 12), -4), w, transA=1)
    lib = net.build(net.quantized(y, -2))
    assert "gemm" in operators_of(lib), str(lib.report())
    assert not on_tvm(lib)
    assert_same(lib, rows())


def test_gemm_with_exponents_per_column_on_the_p4():
    net = Network()
    exponents = [int(n) for n in RNG.integers(-8, -5, 9)]
    w = net.weights(integers(RNG, "int8", (9, 12)), exponents, axis=0)
    y = net.node("Gemm", net.input("x", (1, 12), -4), w, transB=1)
    lib = net.build(net.quantized(y, -2), chip="esp32p4")
    calls(lib, GEMM)
    assert record(lib, "gemm").w.exponent == tuple(exponents)
    assert_same(lib, rows())


def test_gemm_with_exponents_per_row_is_refused():
    net = Network()
    w = net.weights(integers(RNG, "int8", (9, 12)), [-6, -7] * 6, axis=1)
    y = net.node("Gemm", net.input("x", (1, 12), -4), w, transB=1)
    lib = net.build(net.quantized(y, -2), chip="esp32p4")
    assert "exponents_are_per_output_channel" in rules_of(lib)


def test_flatten_without_quantization_of_its_own():
    net = Network()
    flat = net.node("Flatten", net.input("x", IMAGE, -4))
    w = net.weights(integers(RNG, "int8", (210, 9)), -6)
    lib = net.build(net.quantized(net.node("MatMul", flat, w), -1))
    calls(lib, GEMM)
    assert_same(lib, image())
