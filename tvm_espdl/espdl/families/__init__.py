"""What operators are in a file: one module per family, as in `relay.patterns`.

Each has two tables: `READERS`, by the type of a node, and `WRITERS`, by the name of an operator.
Source of what a node means: ESP-DL `dl/module/include/dl_module_*.hpp`, `deserialize`; which nodes
there are: `dl_module_creator.hpp`. What the runtime does not register has no writer.
"""

from __future__ import annotations

from .. import emit, nodes
from ..node_view import Readers
from ..step_view import Writers
from . import (
    cache,
    conversion,
    convolution,
    gemm,
    movement,
    norm,
    padding,
    placement,
    pool,
    product,
    rearrangement,
    recurrent,
    resize,
)

__all__ = ["READERS", "WRITERS"]

_BOTH = (
    conversion,
    convolution,
    gemm,
    movement,
    norm,
    padding,
    placement,
    pool,
    product,
    rearrangement,
    recurrent,
    resize,
)

READERS: Readers = {
    **nodes.TRANSLATORS,
    **cache.READERS,
    **{kind: reader for family in _BOTH for kind, reader in family.READERS.items()},
}
WRITERS: Writers = {
    **{kind.name: writer for kind, writer in emit.EMITTERS.items()},
    **{name: writer for family in _BOTH for name, writer in family.WRITERS.items()},
}
