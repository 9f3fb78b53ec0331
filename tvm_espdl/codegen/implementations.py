"""Which file defines a kernel in a project: the portable C, or the glue to ESP-DL's own kernel.

Both define the same symbols, so that the network's C does not know which one it is linked with.
Every file may be handed to any build system: what another one defines, it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..program.kernels import Kernel
from .kernels import shared_sources
from .literals import kernel_source
from .network_name import NetworkName

GLUE = Path(__file__).parent.parent / "runtime" / "glue"
#: With this macro a project takes the portable kernels alone.
PORTABLE = "TVM_ESPDL_PORTABLE"
_TYPES = ("s8", "s16")


@dataclass(frozen=True)
class Implementations:
    """The files that kernels come from, by name.

    Attributes
    ----------
    files : dict of str to str
        Text of each, headers included; sorted.
    always : tuple of str
        Sources that are compiled in any case.
    portable : tuple of str
        Sources that are compiled with `TVM_ESPDL_PORTABLE` alone.
    glue : tuple of str
        Sources that are compiled without it alone.
    """

    files: dict[str, str]
    always: tuple[str, ...]
    portable: tuple[str, ...]
    glue: tuple[str, ...]

    def of(self, network: NetworkName) -> Implementations:
        """The same under names that no other network's kernels have."""
        own = network.own
        return Implementations(
            {own(name): own(text) for name, text in self.files.items()},
            *(tuple(map(own, names)) for names in (self.always, self.portable, self.glue)),
        )


def implementations(portable: Mapping[str, str], kernels: Mapping[str, Kernel]) -> Implementations:
    """The files of a project.

    Parameters
    ----------
    portable : mapping of str to str
        What the portable kernels are built from, by the names of the files.
    kernels : mapping of str to str
        For each C function that is called, whose it is: `esp-dl` or `portable`.
    """
    sources: dict[str, dict[str, set[str]]] = {}
    for function, kernel in kernels.items():
        source = kernel_source(function)
        of_source = sources.setdefault(source, {"esp-dl": set(), "portable": set()})
        of_source[kernel].add(_first_type(function, source))
    files = dict(portable)
    always, replaced, glue = [], [], []
    for source, types in sorted(sources.items()):
        if not types["esp-dl"]:
            always.append(source)
            continue
        name = f"{Path(source).stem}.cpp"
        files[name] = _glue((GLUE / name).read_text(), types["esp-dl"])
        glue.append(name)
        if types["portable"]:
            files[source] = _without(types["esp-dl"], f"ifndef {PORTABLE}") + portable[source]
            always.append(source)
        else:
            files[source] = _REPLACED.format(portable[source], macro=PORTABLE, glue=name)
            replaced.append(source)
    wanted = {name for source in always for name in shared_sources(portable[source])}
    for name in {n for source in replaced for n in shared_sources(portable[source])} - wanted:
        files[name] = _UNCALLED.format(portable[name], macro=PORTABLE)
        replaced.append(name)
    always += wanted
    if glue:
        files |= {path.name: path.read_text() for path in GLUE.glob("*.hpp")}
    return Implementations(
        dict(sorted(files.items())), tuple(sorted(always)), tuple(sorted(replaced)), tuple(glue)
    )


def _first_type(function: str, source: str) -> str:
    """`s8` or `s16`: the type of the first input, which the name ends with; else as 8 bits."""
    endings = function.removeprefix(Path(source).stem).split("_")
    return next((ending for ending in endings if ending in _TYPES), "s8")


def _glue(text: str, types: set[str]) -> str:
    missing = {ending for ending in _TYPES if ending not in types}
    return _without(missing, "") + f"#ifndef {PORTABLE}\n{text}#endif\n"


def _without(types: set[str], condition: str) -> str:
    """The macros that leave out the kernels of some types."""
    lines = [f"#define ESPDL_WITHOUT_{ending.upper()}" for ending in _TYPES if ending in types]
    if not lines:
        return ""
    inner = [f"#{condition}", *lines, "#endif"] if condition else lines
    return "\n".join([*inner, ""])


_REPLACED = """\
/* ESP-DL's kernel is called in this project, see {glue}: this is for {macro} alone. */
#include "espdl_kernels.h"
#ifdef {macro}
{0}#endif
"""

_UNCALLED = """\
/* Only portable kernels call it, in whose place ESP-DL's are: this is for {macro} alone. */
#include "espdl_kernels.h"
#ifdef {macro}
{0}#endif
"""
