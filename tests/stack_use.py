"""The stack that a function needs with all that it calls, as GCC tells for a cross compiler."""

import re
import subprocess

from tvm_espdl.toolchain.network import PORTABLE, includes, sources

#: A call through a pointer: of a function that is static and nobody calls by name.
POINTER = "__indirect_call"


def deepest(project, compiler, folder, function, library_bytes):
    """Bytes of stack below the caller of `function`, and the chain of calls that takes most.

    Parameters
    ----------
    project : path
        Whose sources are compiled for the portable kernels, its main left out.
    folder : path
        For objects.
    library_bytes : int
        What a function of the C library, of which GCC tells nothing, is taken to need.
    """
    own, calls = {}, {}
    for source in sources(project)[:-1]:
        if source.suffix == ".c":
            _read(_graph(source, project, compiler, folder), own, calls)
    roots = [name for name in own if name.endswith(function)]
    assert len(roots) == 1
    called = {target for targets in calls.values() for target in targets}
    calls[POINTER] = {name for name in own if ":" in name and name not in called}
    found = {}

    def depth(name, above):
        if name in above:
            assert POINTER in above, f"{name} calls itself"
            return 0, ()
        if name not in found:
            needed = own.get(name)
            size = library_bytes if needed is None and name != POINTER else needed or 0
            below = [depth(target, (*above, name)) for target in calls.get(name, ())]
            most = max(below, default=(0, ()))
            found[name] = size + most[0], (name, *most[1])
        return found[name]

    return depth(roots[0], ())


def _graph(source, project, compiler, folder):
    flags = [flag for flag in compiler.flags if not flag.startswith("-Wl,")]
    options = [f"-I{each}" for each in includes(project)]
    target = folder / f"{source.stem}.o"
    command = [compiler.command, *flags, f"-D{PORTABLE}", "-fcallgraph-info=su", *options, "-c"]
    subprocess.run([*command, str(source), "-o", str(target)], check=True, timeout=300)
    return target.with_suffix(".ci").read_text()


def _read(text, own, calls):
    for name, label in re.findall(r'node: \{ title: "([^"]+)" label: "([^"]*)"', text):
        size = re.search(r"(\d+) bytes \((\w+)", label)
        if size is None:
            own.setdefault(name, None)
        else:
            assert size[2] == "static", f"{name}: {label}"
            own[name] = int(size[1])
    for name, target in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', text):
        calls.setdefault(name, set()).add(target)
