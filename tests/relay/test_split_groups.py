"""Convolutions in groups are those of each group, bit for bit."""

import numpy as np
import pytest
from network_in_c import run_network
from qdq_product import Network, assert_same, integers, on_tvm, operators_of, rules_of

SEED = 41


def weights_of(rng, dtype, shape, per_channel=False):
    w = integers(rng, dtype, shape, 0.4)
    exponents = np.array([-7 - n % 3 for n in range(len(w))]) if per_channel else np.array(-7)
    return w, exponents


def network(image, filters, groups, *, bias=None, relu=False, chip="esp32s3", **attributes):
    """Quantized input, convolution, bias (integers, floats or none), ReLU, quantized result."""
    net, (w, exponents) = Network(), filters
    dtype = w.dtype.type
    x = net.input("x", image, -4 if dtype == np.int8 else -12, np.dtype(dtype).name)
    inputs = [x, net.weights(w, exponents)]
    if bias is not None:
        if bias.dtype == np.float32:
            inputs.append(net.constant(bias))
        else:
            products = np.broadcast_to(exponents, bias.shape) + (-4 if dtype == np.int8 else -12)
            inputs.append(net.weights(bias, products if np.ndim(exponents) else products[0]))
    y = net.node("Conv", *inputs, group=groups, **attributes)
    y = net.node("Relu", y) if relu else y
    return net.build(net.quantized(y, -3 if dtype == np.int8 else -11, np.dtype(dtype).name),
                     chip=chip)  # fmt: skip


CASES = [
    ("esp32s3", np.int8, 2, (8, 6, (3, 3)), "float relu", {"pads": [1, 1, 1, 1]}),
    ("esp32p4", np.int8, 3, (9, 12, (3, 2)), "int per channel", {"strides": [2, 1]}),
    ("esp32", np.int16, 4, (8, 8, (1, 1)), "relu", {}),
    ("esp32s3", np.int8, 5, (5, 10, (3, 3)), "int relu", {"dilations": [2, 1]}),
    ("esp32p4", np.int8, 4, (4, 12, (3,)), "float per channel", {"pads": [1, 1]}),
    ("esp32s3", np.int8, 33, (66, 33, (1, 1)), "", {}),
]


@pytest.mark.parametrize("case", CASES)
def test_groups_are_convolutions_of_their_own(case, c_compiler):
    chip, dtype, groups, sizes, form, attributes = case
    per_channel = "per channel" in form
    rng = np.random.default_rng(SEED)
    channels, filters, kernel = sizes
    shape = (filters, channels // groups, *kernel)
    w, exponents = weights_of(rng, dtype, shape, per_channel)
    constant = None
    if "int" in form or "float" in form:
        constant = rng.integers(-900, 900, filters).astype(np.int32)
        if "float" in form:
            constant = (constant * 2.0**-9).astype(np.float32)
    image = (1, channels, 5, 7)[: 2 + len(kernel)]
    settings = {"relu": "relu" in form, "chip": chip, **attributes}

    def built(shape, rows, groups):
        of_rows = exponents[rows] if per_channel else exponents
        b = None if constant is None else constant[rows]
        return network(shape, (w[rows], of_rows), groups, bias=b, **settings)

    whole = built(image, slice(None), groups)
    assert not on_tvm(whole), str(whole.report())
    assert not rules_of(whole)
    assert {row.defined_by for row in whole.report().nodes} == {"ESP-DL"}
    x = rng.normal(size=image).astype(np.float32) * 3
    found = whole(x)
    count, size = filters // groups, channels // groups
    parts = [
        built((1, size, *image[2:]), slice(n * count, (n + 1) * count), 1)
        for n in sorted({0, 1, groups - 1})
    ]
    for n, part in zip(sorted({0, 1, groups - 1}), parts, strict=True):
        alone = part(np.ascontiguousarray(x[:, n * size : (n + 1) * size]))
        np.testing.assert_array_equal(found[:, n * count : (n + 1) * count], alone)
    assert_same(whole, x)
    if groups < 5:
        in_c = run_network(whole.program, [[x]], c_compiler)[0][0]
        np.testing.assert_array_equal(in_c, found)


def test_a_multiplier_is_one_depthwise_convolution_for_each_filter():
    rng = np.random.default_rng(SEED)
    filters = weights_of(rng, np.int8, (12, 1, 3, 3))
    lib = network((1, 4, 5, 7), filters, 4)
    assert operators_of(lib).count("depthwise_conv2d") == 3


def test_groups_whose_result_others_read_stay_whole_and_say_so():
    rng, net = np.random.default_rng(SEED), Network()
    w, exponent = weights_of(rng, np.int8, (4, 2, 3, 3))
    y = net.node("Conv", net.input("x", (1, 4, 5, 5), -4), net.weights(w, exponent), group=2)
    lib = net.build(net.quantized(y, -3), net.node("Sin", y))
    assert "groups_are_one_or_depthwise" in rules_of(lib)
