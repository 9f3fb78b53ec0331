"""ONNX's own backend tests: none wrong, none a traceback, none that plain TVM passes and we do not.

Each time a part of the cases runs; all of them with `TVM_ESPDL_ONNX_BACKEND=all`.
"""

import os
import zlib
from pathlib import Path

import numpy as np
import onnx_backend as backend
import pytest
from onnx import TensorProto, helper

PAGE = Path(__file__).parents[1] / "docs" / "onnx_backend.md"
PARTS = 1 if os.environ.get("TVM_ESPDL_ONNX_BACKEND") == "all" else 12


def is_chosen(name):
    return zlib.crc32(name.encode()) % PARTS == 0


@pytest.mark.filterwarnings("ignore")
def test_cases_give_what_onnx_says_or_a_reason():
    cases = [case for name, case in backend.load_cases().items() if is_chosen(name)]
    found, record = backend.run_ours(cases), backend.recorded()
    bad = {n: o for n, o in found.items() if o.result in ("wrong", "traceback")}
    assert not bad
    lost = [n for n, o in found.items() if record[n][1] == "pass" and o.result != "pass"]
    assert not lost


def test_nothing_is_recorded_that_should_not_be():
    record = backend.recorded()
    results = {result for _, result, _ in record.values()}
    assert results == {"pass", "refused"}
    assert not backend.lacking(record)


def test_the_page_is_that_of_the_record():
    assert PAGE.read_text() == backend.page(backend.recorded())


def case(value, **expected):
    """A Relu with a stored output that may be wrong."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    data = ([np.array([[-1, 2]], np.float32)], [np.array(value, np.float32)])
    return backend.Case("relu", "Relu", model, (data,), 1e-3, 1e-7)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("value", "result"), [([[0, 2]], "pass"), ([[0, 2.1]], "wrong"), ([0, 2], "wrong")]
)
def test_a_wrong_result_is_seen(value, result):
    assert backend.run_cases([case(value)], backend.ours)["relu"].result == result


def test_the_end_of_the_process_is_a_traceback():
    cases = [case([[0, 2]])]
    found = backend.run_cases(cases, lambda _: os.abort())
    assert found["relu"] == backend.Outcome("traceback", "the process ended")


def test_what_only_tvm_passes_needs_a_reason():
    record = {"test_relu": ("Relu", "refused", "pass"), "test_if": ("If", "refused", "pass")}
    assert backend.lacking(record) == ["test_relu"]
