"""Firmware whose C has lines changed, built for an emulated chip or this PC, and what it prints.

Files that a change does not reach are compiled once: an object is kept with its source and the
headers that it has read.
"""

import hashlib
import shlex
from collections import defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from tvm_espdl.codegen.project import project_files
from tvm_espdl.toolchain.compiler import Compiler
from tvm_espdl.toolchain.network import PORTABLE, includes, sources

#: By compiler, options and source: the headers with their digests, and the object.
OBJECTS = defaultdict(list)


def firmware_log(network, sample, folder, changes=(), compiler=None):
    """What a firmware prints that dumps all tensors, and whose C has lines changed.

    A change is (file of the project, text that stands in it once, what takes its place).
    """
    write_project(network, sample, folder)
    for file, old, new in changes:
        (path,) = folder.rglob(file)
        text = path.read_text()
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new))
    compiler = compiler or Compiler.host("-O0")
    build(folder, folder / "program", compiler)
    (folder / "monitor.log").write_text(compiler.run(folder / "program"))
    return folder / "monitor.log"


def write_project(network, sample, folder):
    """A project whose status is 0 whatever it computes."""
    arrays = [np.ascontiguousarray(array) for array in network.feed(sample)]
    for path, content in _files(network, *((a.tobytes(), str(a.dtype), a.shape) for a in arrays)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    main = folder / "main" / "app_main.c"
    main.write_text(main.read_text().replace("return failed;", "return 0;"))


@cache
def _files(network, *inputs):
    arrays = [np.frombuffer(raw, dtype).reshape(shape) for raw, dtype, shape in inputs]
    expected = network.first_run(arrays)
    return tuple(project_files(network.program, "project", arrays, expected, "portable").items())


def build(folder, program, compiler):
    """As `build_project` does."""
    alone = replace(compiler, board=())
    objects = []
    for number, source in enumerate((*compiler.board, *sources(folder))):
        objects.append(folder / f"{number}.o")
        objects[-1].write_bytes(_object(folder, source, alone))
    alone.build(objects, program)


def _object(folder, source, compiler):
    key = (compiler.command, compiler.flags, source.name, digest(source))
    for headers, content in OBJECTS[key]:
        if all(digest(folder / header) == seen for header, seen in headers.items()):
            return content
    made = folder / "made.o"
    compiler.with_flags("-c", "-MMD").build(
        [source], made, includes=includes(folder), defines=(PORTABLE, "TVM_ESPDL_DUMP")
    )
    content = made.read_bytes()
    if source.suffix == ".c":  # what an assembler includes is not listed
        _, listed = made.with_suffix(".d").read_text().replace("\\\n", " ").split(":", 1)
        read = [Path(path) for path in shlex.split(listed)]
        assert source in read, listed
        own = [path.relative_to(folder) for path in read if path.is_relative_to(folder)]
        OBJECTS[key].append(({path: digest(folder / path) for path in own}, content))
    return content


def digest(path):
    return hashlib.sha256(path.read_bytes()).digest() if path.exists() else None
