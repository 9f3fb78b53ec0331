"""Gives out names that a network does not have yet.

Must never give the same name twice.
"""

from __future__ import annotations

from onnx import ModelProto

from .graph import captured_names


class NewNames:
    """The names of nodes and tensors that are taken in a model.

    Parameters
    ----------
    model : ModelProto
        Left as it is.
    """

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self._taken = {tensor.name for tensor in graph.initializer}
        self._taken.update(value.name for value in (*graph.input, *graph.output))
        for node in graph.node:
            self._taken.update((node.name, *node.input, *node.output, *captured_names(node)))

    def fresh(self, base: str) -> str:
        """`base`, or `base` with the first number that makes it new."""
        name, number = base, 0
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name
