"""A graph of a file while it is written: nodes, constants and values, each under a name of its own.

It keeps names apart and constants once; what an operator becomes is said in `families`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterable, Sequence

import numpy as np

from ..errors import ModelError
from ..ops import Tensor
from ..ops.base.operator import Exponent
from ..ops.base.rounding import Array
from .schema import Attribute, Node, ValueInfo, doc_of
from .schema import Tensor as Stored

UNKNOWN_LAYOUT = "UNK"  # as ESP-PPQ calls what has no layout of its own
Setting = int | float | str | tuple[int, ...]


class Draft:
    """The parts of a graph, in the order in which they were added.

    Nothing else gets the names that are `reserved` for values to come.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = frozenset(reserved)
        self.nodes: list[Node] = []
        self.initializers: dict[str, Stored] = {}
        self.values: dict[str, ValueInfo] = {}
        self._shared: dict[Stored, str] = {}
        self._nodes: set[str] = set()

    def unused(self, name: str) -> str:
        """The name, or with a number where a value or constant has it already."""
        return unused(name, self._reserved | {*self.values, *self.initializers})

    def add_value(self, name: str, tensor: Tensor, layout: str = "") -> str:
        """An activation; a `ModelError` if it has no dimension, or its name is taken."""
        if not tensor.shape or min(tensor.shape) < 1:
            raise ModelError(
                "a tensor that ESP-DL's runtime cannot hold",
                where=name,
                found=f"shape {tensor.shape}",
                allowed="one dimension or more, each of 1 or more",
                try_="reshape it in the model",
            )
        if name in self.values or name in self.initializers:
            raise ModelError(
                "two tensors of one name",
                where=name,
                try_="rename one of them in the model",
            )
        exponents = _exponents(tensor.exponent)
        self.values[name] = ValueInfo(name, tensor.dtype, tensor.shape, exponents, doc_of(layout))
        return name

    def add_constant(
        self,
        name: str,
        array: Array,
        dims: Sequence[int],
        exponent: Exponent = None,
        *,
        layout: str = UNKNOWN_LAYOUT,
        shared: bool = False,
    ) -> str:
        """A constant; its name, or that of an equal one where it may be shared.

        The array is in stored order, `dims` are as the file states them (nominal for filters), and
        the layout is for people ("" leaves it out).
        """
        stored = Stored.of(self.unused(name), array, dims, _exponents(exponent), layout)
        content = dataclasses.replace(stored, name="", doc="")
        if shared and content in self._shared:
            return self._shared[content]
        self.initializers[stored.name] = stored
        self._shared.setdefault(content, stored.name)
        return stored.name

    def add_node(
        self,
        op_type: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str,
        settings: dict[str, Setting],
    ) -> None:
        """A node; the runtime finds nodes by their names, which therefore differ."""
        own = unused(name or outputs[0], self._nodes)
        self._nodes.add(own)
        attributes = {key: attribute(key, value) for key, value in sorted(settings.items())}
        self.nodes.append(Node(op_type, tuple(inputs), tuple(outputs), attributes, own))


def attribute(name: str, value: Setting) -> Attribute:
    """An attribute of the kind that suits the value's type."""
    kinds = {int: "int", float: "float", str: "string", tuple: "ints"}
    stored = float(np.float32(value)) if isinstance(value, float) else value
    return Attribute(name, kinds[type(value)], stored)


def _exponents(exponent: Exponent) -> tuple[int, ...]:
    """As files have them: one, one per channel, or 0 for what has none."""
    return exponent if isinstance(exponent, tuple) else (exponent or 0,)


def unused(name: str, taken: Container[str]) -> str:
    """The name, or with a number where it is taken."""
    own, number = name, 1
    while own in taken:
        number += 1
        own = f"{name}_{number}"
    return own
