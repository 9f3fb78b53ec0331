"""Compiled networks in a folder, each found by all that determines its code.

An entry is a shared object that is followed by what the executor must know of it and by a checksum
of all. It appears whole or not at all; one that is damaged is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import warnings
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import tvm
import tvm_ffi
from tvm.support import cc
from tvm.target import Target
from tvm.target.codegen import llvm_version_major

from ..errors import EspdlWarning, OutputError
from ..files.output_files import make_set, path_of
from ..program import Program
from ..program.identity import digest
from ..version import __version__
from .executor import Executor, build, numbered
from .host import HostModule
from .making import one_at_a_time
from .segments import Segment, calls_of, segments_of

#: Names the folder where nobody else does; empty for none.
VARIABLE = "TVM_ESPDL_CACHE"

#: What all entries end with; with another one, their form changes.
_MAGIC = b"tvm-espdl entry1"
_DIGEST, _LENGTH = 32, 8
_TRAILER = _LENGTH + _DIGEST + len(_MAGIC)

#: The folders of this package whose sources make the code.
_ROOMS = ("chips", "ops", "program", "runtime")


def folder_of(cache_dir: str | os.PathLike[str] | None) -> Path | None:
    """The folder that a user wants; what the environment says where `cache_dir` is None.

    Raises
    ------
    OutputError
        If `cache_dir` is no path.
    """
    given = os.environ.get(VARIABLE, "") if cache_dir is None else cache_dir
    return None if given == "" else path_of(given, "cache_dir").expanduser()


@one_at_a_time
def cached(program: Program, target: Target, folder: Path) -> Executor:
    """The executor of a program: its entry's, or one that is compiled and entered.

    Where no entry can be used or written, an EspdlWarning says why, and the result is the same.
    """
    path = folder / f"{key_of(program, target)}.so"
    try:
        _check_owner(folder)
        found = _read(path)
        if found is None and cc.get_cc() is None:
            raise OSError("no C compiler links entries: apt-get install gcc libc6-dev")
        if found is None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _entered(program, target, path)
    except (OSError, OutputError) as error:
        warnings.warn(
            f"the cache of compiled networks is not used: {folder}: {error}",
            EspdlWarning,
            stacklevel=2,
        )
        return build([program], target)[0]
    return _executor(program, target, path, *found)


def key_of(program: Program, target: Target) -> str:
    """SHA-256 of all that determines the code: the network, the CPU, versions and sources."""
    context = tvm.transform.PassContext.current()
    values = [(name, t.dtype, t.shape) for name, t in program.values.items()]
    parts = [
        *(digest(program), program.inputs, program.outputs, values),
        *(str(target), tuple(sorted(tvm.target.codegen.llvm_get_cpu_features(target)))),
        *(__version__, tvm.__version__, tvm_ffi.__version__, llvm_version_major()),
        *(context.opt_level, str(context.config), _sources()),
    ]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


@cache
def _sources() -> str:
    """Of this package's own files: between two releases they change, too."""
    found = hashlib.sha256()
    package = Path(__file__).parents[1]
    for room in _ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            found.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _check_owner(path: Path) -> None:
    """Refuse what another user could have put there: loading an entry runs it."""
    if not hasattr(os, "geteuid") or not path.exists():
        return
    found = path.stat()
    if found.st_uid not in (os.geteuid(), 0):
        raise PermissionError("it belongs to another user, whose code would run")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise PermissionError("other users may write there, and their code would run: chmod go-w")


def _read(path: Path) -> tuple[list[Segment], list[str]] | None:
    """Segments and symbols of an entry; None where there is none that is whole."""
    try:
        _check_owner(path)
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    body, magic = data[: -len(_MAGIC)], data[-len(_MAGIC) :]
    whole, checksum = body[:-_DIGEST], body[-_DIGEST:]
    if magic != _MAGIC or hashlib.sha256(whole).digest() != checksum:
        return None
    length = int.from_bytes(whole[-_LENGTH:], "little")
    notes = json.loads(whole[-_LENGTH - length : -_LENGTH])
    segments = [
        Segment(symbol, tuple(inputs), tuple(outputs), many, uses_threads)
        for symbol, inputs, outputs, many, uses_threads in notes["segments"]
    ]
    return segments, notes["symbols"]


def _entered(program: Program, target: Target, path: Path) -> Executor:
    """Compile, enter, and load what was entered."""
    module = HostModule(target)
    calls = calls_of(program, module, "net0")
    segments = segments_of(program, module, calls, "net0")
    built: Any = module.compile()
    if built is None:
        return build([program], target)[0]
    notes = {"segments": [tuple(vars(s).values()) for s in segments], "symbols": module.symbols}

    def write(file: Path) -> None:
        file.touch(mode=0o600)  # a folder that takes no file is no fault of the compiler
        try:
            built.export_library(str(file))
        except RuntimeError as error:
            raise OSError(str(error).strip().splitlines()[-1]) from error
        text = json.dumps(notes).encode()
        whole = file.read_bytes() + text + len(text).to_bytes(_LENGTH, "little")
        file.write_bytes(whole + hashlib.sha256(whole).digest() + _MAGIC)
        file.chmod(0o700)

    make_set({path: write}, overwrite=True)
    return _executor(program, target, path, segments, module.symbols)


def _executor(
    program: Program,
    target: Target,
    path: Path,
    segments: Sequence[Segment],
    symbols: Sequence[str],
) -> Executor:
    module = tvm.runtime.load_module(str(path))
    return Executor(program, module, symbols, partial(_calls, program, target), tuple(segments))


def _calls(program: Program, target: Target) -> list[Any]:
    """The kernels, made again without compiling them: their constants for runs step by step."""
    module = HostModule(target)
    return numbered(module, calls_of(program, module, "net0"))
