"""Which tensors may saturate where the least squared error would let them."""

import numpy as np
import pytest
from qdq_networks import exponent_by_search, network, node, quantize

# Many values below 1 and one of 16384 that is much larger: cutting it off errs least.
X = np.random.default_rng(8).uniform(-1, 1, (16, 1024)).astype(np.float32)
X[0, 0] = 2.2


def exponent(*nodes, method="mse"):
    model = network(list(nodes), {"x": (1, 1024)}, {"y": (1, 1024)})
    _, q = quantize(model, X, activations=method)
    return q.into(q.one(nodes[0].op_type))


def test_what_an_exp_reads_never_saturates():
    whole = exponent_by_search(X.min(), X.max())
    for method in ("mse", "percentile"):
        assert exponent(node("Tanh", "x", "y"), method=method) < whole
        assert exponent(node("Exp", "x", "y"), method=method) == whole


@pytest.mark.parametrize("between", ["Neg", "Relu"])
def test_nor_does_what_shares_its_exponent(between):
    whole = exponent_by_search(X.min(), X.max())
    assert exponent(node(between, "x", "t"), node("Tanh", "t", "y")) < whole
    assert exponent(node(between, "x", "t"), node("Exp", "t", "y")) == whole
