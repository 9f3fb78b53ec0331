"""For each entry of the pattern table a network in which it matches, and near misses.

Each file of this package has tables that are merged here by being there:

* `CASES`: name of the entry to a `Case`.
* `FURTHER` (optional): name of the entry to a list of further near misses.
"""

import importlib
import pkgutil

from .forms import (
    IMAGE,
    Case,
    Form,
    case,
    chain,
    module,
    node,
    number,
    numbers,
    pair,
    shaped,
    with_float,
)

__all__ = [
    "CASES",
    "FURTHER",
    "IMAGE",
    "Case",
    "Form",
    "case",
    "chain",
    "module",
    "node",
    "number",
    "numbers",
    "pair",
    "shaped",
    "with_float",
]

CASES, FURTHER = {}, {}
for file in pkgutil.iter_modules(__path__):
    tables = importlib.import_module(f"{__name__}.{file.name}")
    CASES |= getattr(tables, "CASES", {})
    FURTHER |= getattr(tables, "FURTHER", {})
