"""Rooms that must not know TVM load where there is none, with whatever they import.

`import tvm_espdl` itself loads TVM, so the rooms are imported below an empty package in a process
in which TVM cannot be imported. What imports inside functions reach, `test_architecture` follows.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import tvm_espdl

ROOT = Path(tvm_espdl.__file__).parent
ROOMS = [
    *("chips", "errors", "version", "files", "ops", "program", "report"),
    *("onnx_graphs", "samples", "preprocess", "espdl", "selftest", "debug", "quantize"),
]
ALONE = """
import importlib, sys, types
root, names = sys.argv[1], sys.argv[2:]
package = types.ModuleType("tvm_espdl")
package.__path__ = [root]
sys.modules["tvm_espdl"] = package
for tvm in ("tvm", "tvm_ffi"):
    sys.modules[tvm] = None
for name in names:
    importlib.import_module(name)
loaded = [name for name in sys.modules if name.split(".")[0] in ("tvm", "tvm_ffi")]
assert sorted(loaded) == ["tvm", "tvm_ffi"], loaded
print(len(names))
"""


def module_name(file):
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(ROOT.rglob("*.py"))}


def modules_of(room):
    start = f"tvm_espdl.{room}"
    return [name for name in FILES if name == start or name.startswith(f"{start}.")]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_loads_where_there_is_no_tvm(room):
    names = modules_of(room)
    assert names, f"no room {room}"
    command = [sys.executable, "-c", ALONE, str(ROOT), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(names)
