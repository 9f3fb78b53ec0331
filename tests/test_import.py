"""What `import tvm_espdl` does to a Python process, and what it leaves alone."""

import json
import subprocess
import sys

import pytest
import tvm
from tvm.target import Target

from tvm_espdl.chips import CHIPS

HEAVY = ("torch", "onnx", "onnxruntime", "tvm_espdl.ops", "tvm_espdl.relay.patterns")


def run_python(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def fresh():
    """What a fresh process prints: what `import tvm_espdl` loads, and what a second one changes."""
    printed = run_python(
        "import importlib, json, sys, tvm_espdl, tvm\n"
        f"loaded = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "from tvm.relax.pipeline import PIPELINE_MAP\n"
        "before = PIPELINE_MAP['default']\n"
        "importlib.reload(tvm_espdl)\n"
        "print(json.dumps([loaded, before is PIPELINE_MAP['default']]))\n"
    )
    return json.loads(printed)


def test_import_loads_nothing_heavy(fresh):
    assert fresh[0] == []


def test_import_registers_targets_and_pipeline():
    assert Target("espdl").attrs["device"] == "esp32s3"
    for name in CHIPS:
        target = Target(f"espressif/{name}")
        assert target.attrs["device"] == name
        assert "espdl" in target.keys
    assert Target({"tag": "espdl", "device": "esp32p4"}).attrs["device"] == "esp32p4"
    assert tvm.relax.get_pipeline("espdl")


def test_importing_twice_changes_nothing(fresh):
    assert fresh[1]


def test_survives_a_plugin_that_replaces_the_default_pipeline():
    run_python(
        "import tvm_espdl, tvm, numpy as np\n"
        "from tvm import relax\n"
        "from tvm.relax import pipeline\n"
        "seen = []\n"
        "ours = pipeline.PIPELINE_MAP['default']\n"
        "def theirs(**options):\n"
        "    seen.append(options)\n"
        "    return pipeline.PIPELINE_MAP['default_build'](**options)\n"
        "pipeline.PIPELINE_MAP['default'] = theirs\n"
        "tvm_espdl.relay.pipeline.register()\n"
        "from tvm_espdl.demo import DATA\n"
        "from tvm_espdl.compilation import compile_file\n"
        "from tvm_espdl.quantize import quantize_onnx\n"
        "stored = np.load(DATA / 'digits.npz')\n"
        "calibration = stored['calibration']\n"
        "model = quantize_onnx(DATA / 'digits_cnn.onnx', calibration, measure=False).model\n"
        "x = stored['images'][:1]\n"
        "y = compile_file(model)(x)\n"
        "mod, _ = tvm_espdl.relay.frontend.from_onnx(model)\n"
        "ex = tvm.compile(mod, target='espdl')\n"
        "assert seen\n"
        "z = relax.VirtualMachine(ex, tvm.cpu())['main'](tvm.runtime.tensor(x)).numpy()\n"
        "assert (y == z).all()\n"
    )


def test_lends_only_what_tvm_lacks():
    run_python(
        "import sys, types, tvm\n"
        "own = types.ModuleType('tvm.nd')\n"
        "sys.modules['tvm.nd'] = tvm.nd = own\n"
        "import tvm_espdl\n"
        "assert tvm.nd is own\n"
        "from tvm import relay\n"
        "assert relay is tvm_espdl.relay\n"
        "from tvm.contrib import graph_executor\n"
        "from tvm.contrib.debugger import debug_executor\n"
        "assert graph_executor.GraphModule and debug_executor.GraphModuleDebug\n"
    )


@pytest.mark.parametrize("module", ["tvm.nd", "tvm.contrib.graph_executor"])
def test_lent_modules_raise_attribute_errors(module):
    import importlib

    with pytest.raises(AttributeError, match="has no attribute"):
        importlib.import_module(module).no_such_name  # noqa: B018
