"""PReLUs of any shape are the kernel's image, moved there and back, with the same bits."""

import numpy as np
import onnxruntime
import pytest
from qdq_product import Network, assert_same, integers, on_tvm

SEED = 43


@pytest.mark.parametrize(
    ("shape", "slopes", "dtype"),
    [
        ((1, 8), (1, 8), "int8"),
        ((1, 3, 8), (8,), "int16"),
        ((1, 8, 5), (1, 8, 1), "int8"),
        ((1, 4, 8), (8,), "int8"),
        ((1, 2, 6, 3, 5), (6, 1, 1), "int8"),
        ((1, 6, 3, 5), (1, 6, 1, 1), "int8"),
        ((1, 6, 3, 5), (5,), "int16"),
        ((1, 6, 3, 5), (6, 3, 5), "int8"),
        ((1, 2, 6, 3, 5), (1, 6, 3, 5), "int8"),
        ((1, 6, 2, 3, 2), (6, 1, 1, 1), "int8"),
        ((1, 2, 9), (1,), "int16"),
    ],
)
@pytest.mark.parametrize("chip", ["esp32s3", "esp32p4"])
def test_slopes_of_any_shape(shape, slopes, dtype, chip):
    rng, net = np.random.default_rng(SEED), Network()
    exponent = -4 if dtype == "int8" else -12
    factors = net.weights(integers(rng, dtype, slopes, 0.4), -7 if dtype == "int8" else -15)
    y = net.node("PRelu", net.input("x", shape, exponent, dtype), factors)
    lib = net.build(net.quantized(y, exponent, dtype), chip=chip)
    assert not on_tvm(lib), str(lib.report())
    x = (rng.normal(size=shape) * 4).astype(np.float32)
    assert_same(lib, x)
    model = net.model(lib.output_names[0])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    # Half a step: chips round ties, and int16 down.
    wanted = session.run(None, {"x": x})[0]
    np.testing.assert_allclose(lib(x), wanted, rtol=0, atol=2.0**exponent)
    assert np.mean(lib(x) == wanted) > (0.9 if dtype == "int8" else 0.4)


def test_computed_slopes_stay_with_tvm():
    net = Network()
    slopes = net.input("s", (1, 6, 1, 1), -4)
    y = net.node("PRelu", net.input("x", (1, 6, 3, 5), -4), slopes)
    assert on_tvm(net.build(net.quantized(y, -4)))
