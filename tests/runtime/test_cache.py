"""The cache of compiled networks: found again, never half, remade where damaged, never trusted."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tvm
from networks import digits_arrays, quantized_digits
from tvm.script import tirx as T
from tvm.support import cc

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.program import Native, Program, Step
from tvm_espdl.relay.build_library import library_of
from tvm_espdl.runtime.cache import folder_of

X = Tensor("int16", (1, 3, 5), -2)
pytestmark = pytest.mark.usefixtures("c_compiler")

SCRIPT = """
import os, signal, sys
import numpy as np
import tvm
from test_cache import library, numbers
network = library(sys.argv[1])
if sys.argv[2:] == ["killed"]:
    def export(self, name):
        open(name, "wb").write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    tvm.runtime.Module.export_library = export
print("ready", flush=True)
sys.stdin.readline()
assert np.array_equal(network(numbers())[0], np.minimum(np.maximum(numbers()[0], 0), 9))
"""


@T.prim_func(private=True)
def at_most_9(x: T.Buffer((1, 3, 5), "int16"), y: T.Buffer((1, 3, 5), "int16")):
    for i, j, k in T.grid(1, 3, 5):
        y[i, j, k] = T.min(x[i, j, k], T.int16(9))


def library(folder, chip="esp32s3", limit=True):
    """An operator and a function of TVM."""
    steps = (Step(operators()["relu"](X, X), ("x",), ("r",)),)
    steps += (Step(Native(at_most_9, (X,), (X,)), ("r",), ("y",)),) if limit else ()
    program = Program(find_chip(chip), dict.fromkeys("xry", X), ("x",), steps[-1].outputs, steps)
    return library_of(program, cache_dir=folder)


def numbers():
    return np.arange(-7, 8, dtype=np.int16).reshape(1, 3, 5) * 3


WANTED = np.minimum(np.maximum(numbers(), 0), 9)


@pytest.fixture
def folder(tmp_path):
    """With the entry of the network."""
    np.testing.assert_array_equal(library(tmp_path / "a" / "b")(numbers()), WANTED)
    return tmp_path / "a" / "b"


@pytest.fixture
def silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def compiles(network):
    """Whether it has to compile for its first call, which must be right."""
    built = []
    with pytest.MonkeyPatch.context() as patch:
        original = tvm.tirx.build
        patch.setattr(tvm.tirx, "build", lambda *a, **o: built.append(1) or original(*a, **o))
        np.testing.assert_array_equal(network(numbers()), WANTED)
        assert list(network.run_with_intermediates(numbers())) == ["x", "r", "y"]
    return bool(built)


def start(folder, *arguments):
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("silent")
def test_what_is_there_is_not_compiled_again(folder):
    (entry,) = folder.iterdir()
    before = entry.read_bytes()
    assert not compiles(library(folder))
    assert entry.read_bytes() == before
    if hasattr(os, "geteuid"):
        assert entry.stat().st_mode & 0o077 == 0


def test_another_network_chip_or_version_is_another_entry(folder, monkeypatch):
    library(folder, "esp32p4").executor  # noqa: B018
    library(folder, limit=False).executor  # noqa: B018
    assert len([*folder.iterdir()]) == 3
    monkeypatch.setattr("tvm_espdl.runtime.cache.__version__", "9.9")
    assert compiles(library(folder))
    assert len([*folder.iterdir()]) == 4


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("damage", ["a bit", "cut", "empty", "no checksum"])
def test_a_damaged_entry_is_made_again(folder, damage):
    (entry,) = folder.iterdir()
    data = bytearray(entry.read_bytes())
    data[len(data) // 2] ^= 1
    whole = entry.read_bytes()
    damaged = {"a bit": data, "cut": whole[:-1], "empty": b"", "no checksum": whole[:-56]}
    entry.unlink()  # this process has it mapped
    entry.write_bytes(damaged[damage])
    assert compiles(library(folder))
    assert not compiles(library(folder))
    assert [*folder.iterdir()] == [entry]


def test_the_environment_names_it(tmp_path, monkeypatch):
    monkeypatch.delenv("TVM_ESPDL_CACHE", raising=False)
    assert folder_of(None) is None
    monkeypatch.setenv("TVM_ESPDL_CACHE", str(tmp_path))
    assert folder_of(None) == tmp_path
    assert folder_of("") is None
    library(None).executor  # noqa: B018
    assert [*tmp_path.iterdir()]


def test_a_place_that_is_no_folder_or_takes_no_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.warns(EspdlWarning, match="cache of compiled networks is not used"):
        assert compiles(library(tmp_path / "file"))

    def read_only(*_, **__):
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", read_only)
    with pytest.warns(EspdlWarning, match="Read-only file system"):
        assert compiles(library(tmp_path / "new"))
    assert not [*(tmp_path / "new").iterdir()]


def test_without_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setattr(cc, "get_cc", lambda: None)
    with pytest.warns(EspdlWarning, match="apt-get install gcc"):
        assert compiles(library(tmp_path))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners of files here")
def test_what_others_could_have_written_is_not_run(folder):
    (entry,) = folder.iterdir()
    entry.chmod(0o666)
    with pytest.warns(EspdlWarning, match="other users may write"):
        assert compiles(library(folder))
    entry.chmod(0o600)
    folder.chmod(0o777)
    with pytest.warns(EspdlWarning, match="other users may write"):
        assert compiles(library(folder))
    folder.chmod(0o700)
    assert not compiles(library(folder))


def test_a_library_of_it_can_be_exported(folder, tmp_path):
    library(folder).export_library(tmp_path / "net.so")
    loaded = tvm.relax.VirtualMachine(tvm.runtime.load_module(str(tmp_path / "net.so")), tvm.cpu())
    np.testing.assert_array_equal(loaded["main"](tvm.runtime.tensor(numbers())).numpy(), WANTED)


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_killed_in_the_middle(tmp_path):
    process = start(tmp_path, "killed")
    process.communicate("\n", timeout=120)
    assert process.returncode == -9
    assert [path.name[0] for path in tmp_path.iterdir()] == ["."]  # what nobody takes for an entry
    assert compiles(library(tmp_path))
    assert not compiles(library(tmp_path))


def test_two_processes_at_once(tmp_path):
    processes = [start(tmp_path) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert len([*tmp_path.iterdir()]) == 1
    assert not compiles(library(tmp_path))


def test_the_doors_that_users_take(tmp_path):
    x = digits_arrays()["images"][:1]
    mod, params = relay.frontend.from_onnx(quantized_digits("esp32s3"))
    built = relay.build(mod, params=params, cache_dir=tmp_path)(x)
    (entry,) = tmp_path.iterdir()
    again = compile_file(quantized_digits("esp32s3"), cache_dir=str(tmp_path))(x)
    np.testing.assert_array_equal(built, again)
    assert [*tmp_path.iterdir()] == [entry]
