"""The methods for exponents of activations, against the definition on the values themselves."""

import numpy as np
import pytest
from qdq_networks import PLAIN, Quantized, exponent_by_search, floats, network, node

from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.calibration import TensorRange
from tvm_espdl.quantize.histogram import Histogram
from tvm_espdl.quantize.methods import METHODS
from tvm_espdl.quantize.methods.kl import kl
from tvm_espdl.quantize.methods.mse import mse
from tvm_espdl.quantize.methods.percentile import percentile


def seen(values):
    histogram = Histogram()
    histogram.add(np.asarray(values, dtype=np.float32))
    return TensorRange(histogram.low, histogram.high, histogram)


def held(values, exponent, bits=8):
    top = 2 ** (bits - 1)
    return np.clip(np.rint(values / 2.0**exponent), -top, top - 1) * 2.0**exponent


DISTRIBUTIONS = {
    "normal": lambda g: g.normal(size=20000),
    "relu": lambda g: np.maximum(g.normal(size=20000), 0),
    "laplace": lambda g: g.laplace(size=20000),
    "outlier": lambda g: np.append(g.normal(size=20000), 80.0),
    "uniform": lambda g: g.uniform(-3, 3, size=20000),
}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_mse_is_the_squared_error(name, bits):
    values = DISTRIBUTIONS[name](np.random.default_rng(3)).astype(np.float32)
    whole = exponent_by_search(values.min(), values.max()) - (bits - 8)
    candidates = np.arange(whole, whole - 5, -1)
    costs = mse(seen(values), candidates, bits)
    wide = values.astype(np.float64)
    exact = [((wide - held(wide, e, bits)) ** 2).sum() / (wide**2).sum() for e in candidates]
    # The middle of a bin stands for its values: right within some percent.
    assert np.allclose(costs, exact, rtol=0.1)
    assert np.argmin(costs) == np.argmin(exact)


def test_mse_gives_up_an_outlier_but_not_the_edge_of_a_uniform_range():
    values = DISTRIBUTIONS["outlier"](np.random.default_rng(3))
    candidates = np.arange(0, -6, -1)
    assert candidates[np.argmin(mse(seen(values), candidates, 8))] < 0
    flat = DISTRIBUTIONS["uniform"](np.random.default_rng(3))
    whole = exponent_by_search(flat.min(), flat.max())
    assert np.argmin(mse(seen(flat), np.arange(whole, whole - 5, -1), 8)) == 0


@pytest.mark.parametrize(
    ("outside", "expected"),
    [(0, -6), (1, -6), (2, -6), (3, 3)],
)
def test_percentile_lets_one_in_ten_thousand_go(outside, expected):
    values = np.full(20000, 1.9)
    values[:outside] = 1000.0  # 2 of 20,000 may saturate, 3 may not
    candidates = np.arange(3, -8, -1)
    costs = percentile(seen(values), candidates, 8)
    assert candidates[np.argmin(costs)] == expected


def divergence(values, exponent):
    """The definition, on the histogram's own bins, written without vectors."""
    histogram = seen(values).histogram
    p, groups = {}, {}
    top, lowest, highest = 2.0**exponent, -128, 127
    inside = {
        i: int(c)
        for i, (c, x) in enumerate(zip(histogram.counts, histogram.centers(), strict=True))
        if c and (lowest - 0.5) * top <= x <= (highest + 0.5) * top
    }
    for i, count in inside.items():
        p[i] = float(count)
        groups.setdefault(round(histogram.centers()[i] / top), []).append(i)
    for i, count in enumerate(histogram.counts):
        if count and i not in inside:
            p[min(p) if histogram.centers()[i] < 0 else max(p)] += int(count)
    q = {}
    for members in groups.values():
        for i in members:
            q[i] = sum(inside[j] for j in members) / len(members)
    total_p, total_q = sum(p.values()), sum(q.values())
    return sum(p[i] / total_p * np.log(p[i] / total_p / (q[i] / total_q)) for i in p)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_kl_is_the_divergence(name):
    values = DISTRIBUTIONS[name](np.random.default_rng(5))
    whole = exponent_by_search(values.min(), values.max())
    candidates = np.arange(whole, whole - 4, -1)
    found = kl(seen(values), candidates, 8)
    assert np.allclose(found, [divergence(values, e) for e in candidates], rtol=1e-9, atol=1e-12)


def test_kl_of_a_tensor_that_lies_beyond_every_limit_is_infinite():
    assert np.array_equal(kl(seen([100.0, 101.0]), np.array([0, -3]), 8), [0.0, np.inf]) or (
        kl(seen([100.0, 101.0]), np.array([-3]), 8)[0] == np.inf
    )


@pytest.mark.parametrize("method", [m for m in METHODS.values() if m is not None])
def test_a_tensor_of_zeros_costs_nothing(method):
    assert not method(seen(np.zeros(5)), np.array([-7, -8]), 8).any()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_in_a_network(name):
    model = network([node("Relu", "x", "y")], {"x": (1, 4000)}, {"y": (1, 4000)})
    data = floats(8, 4000)
    data[0, 0] = 9.0
    q = Quantized(quantize_onnx(model, data, **{**PLAIN, "activations": name}).model)
    found = q.into(q.one("Relu"))
    whole = exponent_by_search(0.0, 9.0)  # what the Relu cuts off needs no room
    if name == "minmax":
        assert found == whole
    else:
        assert whole - 6 <= found < whole


def test_tensors_that_share_an_exponent_share_the_costs():
    """The sum of relative errors decides, not the error of one of them."""
    nodes = [
        *(node("Relu", "x", "a"), node("Relu", "z", "b")),
        *(node("Concat", "a b", "c", axis=1), node("Tanh", "c", "y")),
    ]
    shapes = {"x": (1, 5000), "z": (1, 5000)}
    data = {"x": floats(8, 5000), "z": floats(8, 5000, seed=8) * 0.1}
    data["x"][0, 0] = 30.0
    model = network(nodes, shapes, {"y": (1, 10000)})
    q = Quantized(quantize_onnx(model, data, **{**PLAIN, "activations": "mse"}).model)
    wide = [np.maximum(data[name].astype(np.float64), 0) for name in ("x", "z")]
    both = [wide[0], wide[1], np.concatenate([w.ravel() for w in wide])]

    def cost(exponent):
        return sum(((w - held(w, exponent)) ** 2).sum() / (w**2).sum() for w in both)

    whole = exponent_by_search(0.0, 30.0)
    assert q.into(q.one("Concat")) == min(range(whole, whole - 7, -1), key=cost)
