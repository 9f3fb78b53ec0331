"""Importing and building in several threads: right results, and the process's own output kept."""

import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from qdq_builder import QdqBuilder

from tvm_espdl import relay


def network(number):
    """A small network; each has other weights, and a name that TVM's importer warns of."""
    builder, rng = QdqBuilder(), np.random.default_rng(number)
    x = builder.quantized_input("0:x", (1, 4, 6, 6), -4)
    w = builder.weights(rng.integers(-99, 100, (4, 4, 3, 3)).astype(np.int8), -7)
    y = builder.qdq(builder.node("Conv", x, w, pads=[1, 1, 1, 1]), -3)
    builder.output(builder.qdq(builder.node("Sigmoid", y), -7))
    return builder.model()


def built(model, chip):
    mod, params = relay.frontend.from_onnx(model)
    return relay.build(mod, target=f"espressif/{chip}", params=params)


def test_threads_give_what_one_gives():
    x = np.random.default_rng(1).normal(size=(1, 4, 6, 6)).astype(np.float32)
    jobs = [(network(n), chip) for n in range(4) for chip in ("esp32s3", "esp32p4")]
    wanted = [built(*job)(x) for job in jobs]
    begin = threading.Barrier(4)

    def one(job):
        if job in jobs[:4]:
            begin.wait()  # the first four begin at once
        return built(*job)(x)

    with ThreadPoolExecutor(4) as pool:
        for found, result in zip(pool.map(one, jobs), wanted, strict=True):
            np.testing.assert_array_equal(found, result)


def test_output_and_warnings_of_the_process_stay(monkeypatch, capsys):
    """Neither is redirected while a network is imported: others may print in the meantime."""
    seen = []
    stdout, filters = sys.stdout, warnings.filters
    importer = type(relay.frontend.from_onnx.__wrapped__.__globals__["_Importer"]({}, {}))
    original = importer.from_onnx

    def spied(self, *arguments):
        seen.append((sys.stdout is stdout, warnings.filters is filters))
        print("of another thread")
        return original(self, *arguments)

    monkeypatch.setattr(importer, "from_onnx", spied)
    with warnings.catch_warnings():
        filters = warnings.filters
        warnings.simplefilter("error")
        relay.frontend.from_onnx(network(0))
    assert seen == [(True, True)]
    assert capsys.readouterr().out == "of another thread\n"


def test_tvms_importer_still_warns_others():
    from tvm.relax.frontend.onnx import from_onnx

    model = network(0)
    relay.frontend.from_onnx(model)
    with pytest.warns(UserWarning, match="Renaming name"):
        from_onnx(model)
