"""A model file as plain data: what a reader gives and what a writer takes.

Names and order are those of the file. Nothing here interprets an operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..ops.base.rounding import Array

LAYOUT_PREFIX = "layout ==> "


def doc_of(layout: str) -> str:
    """How a parameter states its layout, for people; nothing for ""."""
    return f"{LAYOUT_PREFIX}{layout}" if layout else ""


# TensorDataType, in NumPy's names where it has one.
DTYPES: Mapping[int, str] = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}

# AttributeType: the kinds of attributes that operators of ESP-DL have.
KINDS: Mapping[int, str] = {
    1: "float",
    2: "int",
    3: "string",
    4: "tensor",
    6: "floats",
    7: "ints",
    8: "strings",
}
# Of a value, that it is a tensor; of a dimension, that it is a number.
TENSOR_TYPE = DIMENSION_VALUE = 1


@dataclass(frozen=True)
class Tensor:
    """A constant, or a stored test input or output.

    Attributes
    ----------
    dtype : str
        As NumPy calls it.
    dims : tuple of int
        For a filter in the chip's own layout they are nominal and do not describe the storage.
    data : bytes
        The elements in stored order, without padding.
    exponents : tuple of int
        One, or one per output channel; `(0,)` or empty for floats and indices.
    doc : str
        For parameters `layout ==> ` and the layout; the runtime never reads it.
    """

    name: str
    dtype: str
    dims: tuple[int, ...]
    data: bytes = field(repr=False)
    exponents: tuple[int, ...] = ()
    doc: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        array: Array,
        dims: Sequence[int],
        exponents: tuple[int, ...],
        layout: str = "",
    ) -> Tensor:
        """The tensor of an array, whose elements are in stored order."""
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        return cls(name, str(array.dtype), tuple(dims), data, exponents, doc_of(layout))

    @property
    def layout(self) -> str:
        """What `doc` says about the layout, or ""."""
        return self.doc.removeprefix(LAYOUT_PREFIX) if LAYOUT_PREFIX in self.doc else ""

    def flat(self) -> Array:
        """The elements in stored order."""
        return np.frombuffer(self.data, np.dtype(self.dtype).newbyteorder("<"))

    def array(self) -> Array:
        """The elements under `dims`, dense."""
        return self.flat().reshape(self.dims)


@dataclass(frozen=True)
class ValueInfo:
    """Type of an activation.

    Attributes
    ----------
    dtype : str
        Empty where the file does not say.
    shape : tuple of int or None
        None where the file does not say, or has a dimension that is no number.
    exponents : tuple of int
        One for integers.
    """

    name: str
    dtype: str = ""
    shape: tuple[int, ...] | None = None
    exponents: tuple[int, ...] = ()
    doc: str = ""


AttributeValue = (
    float | int | str | Tensor | tuple[float, ...] | tuple[int, ...] | tuple[str, ...] | None
)


@dataclass(frozen=True)
class Attribute:
    """A named value of a node.

    Attributes
    ----------
    kind : str
        `float`, `int`, `string`, `tensor`, `floats`, `ints`, `strings`, or the number of a kind
        that no operator of ESP-DL has, with the value None.
    """

    name: str
    kind: str
    value: AttributeValue


@dataclass(frozen=True)
class Node:
    """One operator of the network; an omitted input is an empty name."""

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    name: str = ""
    domain: str = ""
    doc: str = ""

    @property
    def first_output(self) -> str:
        """The first result that has a name, or ""."""
        return next(filter(None, self.outputs), "")

    @property
    def label(self) -> str:
        """How messages name the node."""
        return f"node {self.name or self.first_output!r} ({self.op_type})"


@dataclass(frozen=True)
class Graph:
    """The network.

    Attributes
    ----------
    nodes : tuple of Node
        In the order of execution.
    initializers : dict of str to Tensor
        Constants by name.
    inputs, outputs : tuple of ValueInfo
        What enters and leaves.
    values : dict of str to ValueInfo
        Every activation by name, inputs and outputs included.
    test_inputs, test_outputs : tuple of Tensor
        One sample, named like the values.
    """

    nodes: tuple[Node, ...]
    initializers: Mapping[str, Tensor]
    inputs: tuple[ValueInfo, ...]
    outputs: tuple[ValueInfo, ...]
    values: Mapping[str, ValueInfo]
    test_inputs: tuple[Tensor, ...] = ()
    test_outputs: tuple[Tensor, ...] = ()
    name: str = ""
    doc: str = ""


@dataclass(frozen=True)
class Model:
    """A model file's contents."""

    graph: Graph
    metadata: Mapping[str, str] = field(default_factory=dict)
    ir_version: int = 0
    opsets: tuple[tuple[str, int], ...] = ()
    producer_name: str = ""
    producer_version: str = ""
    domain: str = ""
    model_version: int = 0
    doc: str = ""
