"""Rooms that must not know TVM do not: not by themselves, nor by whatever they import.

`import tvm_espdl` itself loads TVM, so the rooms are imported below an empty package in a process
in which TVM cannot be imported; imports inside functions are followed in the source.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tvm_espdl

ROOT = Path(tvm_espdl.__file__).parent
ROOMS = [
    *("chips", "errors", "version", "files", "ops", "program", "report"),
    *("onnx_graphs", "samples", "preprocess"),
]
#: What loads without TVM, but reaches it through imports inside functions that measure or run.
LOADED_ONLY = ["debug", "espdl", "quantize", "selftest"]
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


def is_for_types_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(name):
    """All that a module imports, inside functions too, but not for types alone."""
    package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
    waiting = [ast.parse(FILES[name].read_text())]
    while waiting:
        node = waiting.pop()
        if is_for_types_only(node):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = [*(above if node.level else []), *([node.module] if node.module else [])]
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)


def with_parents(name):
    """A module and the packages that Python loads before it, but for our own topmost one."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 1, -1)]


def ways_to_tvm(starts):
    """For each import of TVM that can be reached, the modules on the way to it."""
    ways, seen = [[name] for name in starts], set(starts)
    while ways:
        way = ways.pop(0)
        for found in imports(way[-1]):
            if found.split(".")[0] in ("tvm", "tvm_ffi"):
                yield [*way, found]
            for name in with_parents(found):
                if name in FILES and name not in seen:
                    seen.add(name)
                    ways.append([*way, name])


@pytest.mark.parametrize("room", [*ROOMS, *LOADED_ONLY])
def test_a_room_loads_where_there_is_no_tvm(room):
    names = modules_of(room)
    assert names, f"no room {room}"
    command = [sys.executable, "-c", ALONE, str(ROOT), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(names)


@pytest.mark.parametrize("room", ROOMS)
def test_no_import_of_a_room_leads_to_tvm(room):
    names = modules_of(room)
    assert names, f"no room {room}"
    ways = [" -> ".join(way) for way in ways_to_tvm(names)]
    assert not ways, "\n".join(ways[:5])


def test_ways_to_tvm_are_found():
    """The search sees what it is there for: lazy imports, and those of other modules."""
    assert list(ways_to_tvm(["tvm_espdl.library"]))
    assert any(len(way) > 2 for way in ways_to_tvm(["tvm_espdl.cli.run"]))
    assert not list(ways_to_tvm(["tvm_espdl.errors"]))
