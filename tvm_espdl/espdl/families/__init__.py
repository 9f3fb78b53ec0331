"""What operators are in a file: one module per family of `ops.base.families`.

Each has two tables: `READERS`, by the type of a node, and `WRITERS`, by the name of an operator;
being there registers it. `cache` is for states, which no operator has. Source of what a node means:
ESP-DL `dl/module/include/dl_module_*.hpp`, `deserialize`; which nodes there are:
`dl_module_creator.hpp`. What the runtime does not register has no writer.
"""

from __future__ import annotations

import importlib
import pkgutil

from ..node_view import Reader, Readers
from ..step_view import Writer, Writers

__all__ = ["READERS", "WRITERS"]


def _tables() -> tuple[Readers, Writers]:
    readers: dict[str, Reader] = {}
    writers: dict[str, Writer] = {}
    for found in pkgutil.iter_modules(__path__):
        family = importlib.import_module(f"{__name__}.{found.name}")
        readers.update(family.READERS)
        writers.update(getattr(family, "WRITERS", {}))
    return readers, writers


READERS, WRITERS = _tables()
