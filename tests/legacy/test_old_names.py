"""Names of the old flow beyond the published script: they work, or say what to use."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from networks import digits_arrays, library
from tvm.contrib import graph_executor
from tvm.contrib.debugger import debug_executor

from tvm_espdl.errors import DataError


@pytest.mark.parametrize(
    "lines",
    [
        "import tvm.relay.frontend\nassert tvm.relay.frontend is tvm_espdl.relay.frontend",
        "from tvm.relay.frontend import from_onnx\n"
        "assert from_onnx is tvm_espdl.relay.frontend.from_onnx",
        "import tvm.relay.frontend.onnx as lent\n"
        "import tvm_espdl.relay.frontend.onnx as ours\nassert lent is ours",
        "import importlib\n"
        "try:\n    importlib.import_module('tvm.relay.transform')\n"
        "except ModuleNotFoundError as error:\n    assert 'tvm.relax' in str(error)\n"
        "else:\n    raise SystemExit('imported')",
    ],
)
def test_submodules_of_the_lent_relay(lines):
    """In a process of their own, and everything works behind them as before."""
    source = (
        f"import tvm_espdl\n{lines}\n"
        "import importlib, tvm_espdl.relay.frontend.pytorch\n"
        "from tvm_espdl.errors import ModelError\n"
        "assert tvm_espdl.relay.frontend.__spec__.name == 'tvm_espdl.relay.frontend'\n"
        "try:\n    tvm_espdl.relay.frontend.from_onnx('no such file')\n"
        "except ModelError:\n    print('as before')\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.stdout == "as before\n", done.stderr


@pytest.fixture
def network():
    return library("digits", "esp32s3")


def test_create_and_what_executors_tell(network):
    executor = graph_executor.create(network.get_graph_json(), network.get_lib(), None)
    (name,) = network.input_names
    x = digits_arrays()["images"][:1]
    assert executor.get_input_info() == ({name: x.shape}, {name: "float32"})
    assert (executor.get_num_inputs(), executor.get_num_outputs()) == (1, 1)
    assert (executor.get_input_index(name), executor.get_input_index("none")) == (0, -1)
    assert executor.get_output_index(network.output_names[0]) == 0
    with pytest.raises(DataError, match="nothing was set"):
        executor.get_input(0)
    executor["set_input"](name, x)
    np.testing.assert_array_equal(executor.get_input(0).numpy(), x)
    executor["run"]()
    for none in (7, -1, "logit", None):
        with pytest.raises(DataError, match=r"no such output; found: .*; allowed: logits; 0 to 0"):
            executor.get_output(none)
        with pytest.raises(DataError, match="no such input"):
            executor.get_input(none)
    by_name = executor.get_output(network.output_names[0]).numpy()
    np.testing.assert_array_equal(by_name, executor.get_output(np.int64(0)).numpy())
    np.testing.assert_array_equal(executor["get_output"](0).numpy(), network(x))
    debug = debug_executor.create(network.graph_json, network, None)
    debug.set_input(0, x)
    debug.run()
    np.testing.assert_array_equal(debug.get_output(0).numpy(), network(x))
    assert network.get_params() == {}


def test_benchmark_measures_runs_on_this_pc(network):
    executor = graph_executor.GraphModule(network["default"](None))
    with pytest.raises(DataError):
        executor.benchmark(None)  # nothing was set
    executor.set_input(0, digits_arrays()["images"][:1])
    found = executor.benchmark(None, repeat=3, number=2, end_to_end=True)
    assert len(found.results) == 3
    assert 0 < found.min <= found.median <= found.max
    assert found.min <= found.mean <= found.max
    assert found.std >= 0
    assert "on this PC" in str(found)
    longer = executor.benchmark(None, repeat=1, number=1, min_repeat_ms=2)
    assert longer.mean > 0


def test_what_there_is_not_says_what_there_is(network):
    executor = graph_executor.create("{}", network, None)
    with pytest.raises(DataError, match="debug_executor"):
        executor.debug_get_output("logits")
    with pytest.raises(DataError, match=r"allowed: .*set_input"):
        executor["profile"]
    with pytest.raises(DataError, match="VirtualMachine"):
        graph_executor.create("{}", object(), None)
    with pytest.raises(DataError, match="allowed: run"):
        executor.benchmark(None, "get_output")
    with pytest.raises(AttributeError, match=r"GraphModule, create"):
        importlib.import_module("tvm.contrib.graph_executor").GraphRuntime  # noqa: B018
