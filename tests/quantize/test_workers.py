"""Threads change how long a quantization takes, and nothing else."""

import itertools
import threading

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_info, threadpool_limits

from tvm_espdl.quantize import quantize_onnx, workers
from tvm_espdl.quantize.workers import map_ahead, ordered_sums

SEED = 5


@pytest.fixture(params=[1, 2, 5])
def cores(request, monkeypatch):
    """Every item goes to a thread, however short it is."""
    monkeypatch.setattr(workers, "worker_count", lambda: request.param)
    monkeypatch.setattr(workers, "WORTH_A_THREAD", 0.0)
    return request.param


def test_results_come_in_the_order_of_the_items(cores):
    gate = threading.Event()

    def slow_first(item):
        # The second item ends before the first one may, where there are threads.
        if item == 1 and cores > 1:
            assert gate.wait(10)
        if item == 2:
            gate.set()
        return item * item

    assert list(map_ahead(slow_first, range(6))) == [0, 1, 4, 9, 16, 25]


def test_items_are_not_read_far_ahead(cores):
    read = []

    def items():
        for number in range(100):
            read.append(number)
            yield number

    for count, _ in enumerate(map_ahead(lambda item: item, items())):
        assert len(read) <= count + cores + 2
    assert len(read) == 100


@pytest.mark.parametrize("place", [0, 1, 7])
def test_an_error_comes_in_its_place(cores, place):
    del cores

    def fail(item):
        if item == place:
            raise ValueError(f"item {item}")
        return item

    results = map_ahead(fail, range(10))
    assert list(itertools.islice(results, place)) == list(range(place))
    with pytest.raises(ValueError, match=f"item {place}"):
        next(results)


def test_an_abandoned_map_ends_its_threads(cores):
    before = threading.active_count()
    results = map_ahead(lambda item: item, itertools.count())
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    results.close()
    assert threading.active_count() == before, cores


def threads_of_products():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_products_run_in_one_thread_and_are_given_back():
    with threadpool_limits(limits=2, user_api="blas"):
        with ordered_sums():
            inside = threads_of_products()
        outside = threads_of_products()
    # An empty set: this NumPy has no library that threadpoolctl knows.
    assert inside <= {1}
    assert outside <= {2}


def _network(rng):
    first = rng.standard_normal((8, 3, 3, 3)).astype(np.float32)
    second = rng.standard_normal((5, 8 * 36)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "v", "d"], ["y"], transB=1),
    ]
    constants = {
        "w": first,
        "b": rng.standard_normal(8).astype(np.float32),
        "v": second,
        "d": rng.standard_normal(5).astype(np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_the_number_of_cores_changes_no_byte(monkeypatch):
    rng = np.random.default_rng(SEED)
    model, samples = _network(rng), rng.standard_normal((24, 3, 12, 12)).astype(np.float32)
    monkeypatch.setattr(workers, "WORTH_A_THREAD", 0.0)
    found = set()
    for cores, products in itertools.product((1, 2, 7), (1, 2)):
        monkeypatch.setattr(workers, "worker_count", lambda cores=cores: cores)
        with threadpool_limits(limits=products, user_api="blas"):
            result = quantize_onnx(model, samples, "esp32p4", recover="all", measure=False)
        found.add(result.model.SerializeToString())
    assert len(found) == 1, f"seed {SEED}"
