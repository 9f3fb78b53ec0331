"""What stands in the object files of a project: functions that they call, memory that they hold."""

import subprocess
from dataclasses import dataclass

from tvm_espdl.toolchain.network import PORTABLE, includes, sources


@dataclass(frozen=True)
class ObjectFile:
    """A compiled source."""

    #: Symbols that others must define.
    needed: frozenset
    #: Size in bytes and kind (nm's letter) of each symbol that it defines.
    defined: dict
    #: Bytes of stack of each function, where the compiler tells.
    stack: dict


def object_files(project, compiler, folder, names):
    """The object files of sources in a project, by their names."""
    found = {}
    for source in (source for source in sources(project) if source.name in names):
        path = folder / f"{source.stem}.o"
        options = [f"-I{each}" for each in includes(project)]
        command = [compiler.command, *compiler.flags, f"-D{PORTABLE}", "-fstack-usage", "-c"]
        subprocess.run([*command, *options, source, "-o", path], check=True, timeout=300)
        stack = _stack(path.with_suffix(".su")) if source.suffix == ".c" else {}
        found[source.name] = ObjectFile(*_symbols(compiler, path), stack)
    return found


def _symbols(compiler, path):
    tool = f"{compiler.command.removesuffix('gcc')}nm"
    listed = subprocess.run(
        [tool, "-P", path], check=True, timeout=60, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in listed.splitlines()]
    needed = frozenset(name for name, kind, *_ in rows if kind == "U")
    defined = {row[0]: (int(row[3], 16), row[1]) for row in rows if len(row) > 3}
    return needed, defined


def _stack(path):
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    assert {kind for _, _, kind in rows} <= {"static"}, "an array of variable length"
    return {place.split(":")[-1]: int(size) for place, size, _ in rows}
