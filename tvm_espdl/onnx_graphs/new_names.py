"""Gives out names that a network does not have yet.

Must never give the same name twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Container

from onnx import ModelProto

from .graph import captured_names


class NewNames:
    """The names of nodes and tensors that are taken in a model, which is left as it is."""

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self._taken = {tensor.name for tensor in graph.initializer}
        self._taken.update(value.name for value in (*graph.input, *graph.output))
        for node in graph.node:
            self._taken.update((node.name, *node.input, *node.output, *captured_names(node)))

    def fresh(self, base: str) -> str:
        """`base`, or `base` with the first number that makes it new."""
        name = new_name(base, self._taken)
        self._taken.add(name)
        return name


def new_name(base: str, taken: Container[str]) -> str:
    """`base`, or `base` with the first number that is not among those taken."""
    names = (f"{base}_{number}" if number else base for number in itertools.count())
    return next(name for name in names if name not in taken)
