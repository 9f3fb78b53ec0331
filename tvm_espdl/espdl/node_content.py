"""What stands in one node: tensors and attributes, asked by place and name, each answer checked.

It reads; which operator a node becomes is said in `families`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from ..chips import Chip
from ..errors import EspdlWarning, ModelError
from ..ops import Refusal, Tensor
from ..ops.base.operator import Exponent
from ..ops.base.rounding import Array
from .schema import Graph, Node
from .schema import Tensor as Stored
from .steps import Steps
from .types import LARGEST_EXPONENT, Operand, Types

INDEX_DTYPES = ("int32", "int64")
LARGEST_STEP = 1 << 15

ValueT = TypeVar("ValueT", int, float, str, tuple[int, ...])


class NotOnEspdl(ModelError):
    """A node that makes sense, and that neither ESP-DL nor kernels of this package run.

    `refusal` is the rule that its operator breaks, None where it is no operator at all.
    """

    refusal: Refusal | None = None


@dataclass(frozen=True, eq=False)
class NodeContent:
    """A node in its graph, of the file `where`; its program, `steps`, is that of a chip.

    `apart` says whether an operator that the chip does not run may become several that it runs.
    """

    node: Node
    graph: Graph
    types: Types
    steps: Steps
    where: str
    apart: bool = True

    @property
    def chip(self) -> Chip:
        """The chip that the node runs on."""
        return self.steps.chip

    def refuse(
        self, what: str, found: object = None, allowed: object = None, try_: str = ""
    ) -> NoReturn:
        """Refuse the node, which is damaged: a `ModelError`, always."""
        where = f"{self.where}, {self.node.label}"
        raise ModelError(what, where=where, found=found, allowed=allowed, try_=try_)

    def leave(
        self,
        what: str,
        found: object = None,
        allowed: object = None,
        try_: str = "",
        *,
        refusal: Refusal | None = None,
    ) -> NoReturn:
        """Leave the node to others than ESP-DL and this package: a `NotOnEspdl`, always."""
        where = f"{self.where}, {self.node.label}"
        left = NotOnEspdl(what, where=where, found=found, allowed=allowed, try_=try_)
        left.refusal = refusal
        raise left

    def warn(self, text: str) -> None:
        """Tell the user of something that the node does."""
        warnings.warn(f"{self.where}, {self.node.label}: {text}", EspdlWarning, stacklevel=2)

    # -- inputs and outputs ---------------------------------------------------------------------

    def has(self, place: int) -> bool:
        """Whether there is an input at a place."""
        return place < len(self.node.inputs) and self.node.inputs[place] != ""

    def name(self, place: int = 0) -> str:
        """Name of an input."""
        if not self.has(place):
            self.refuse("an input is missing", f"{len(self.node.inputs)} inputs")
        return self.node.inputs[place]

    def is_constant(self, place: int) -> bool:
        """Whether an input is an initializer."""
        return self.has(place) and self.node.inputs[place] in self.graph.initializers

    def stored(self, place: int) -> Stored:
        """A constant input as the file has it."""
        name = self.name(place)
        if name not in self.graph.initializers:
            self.leave(
                "an input must be constant",
                found=f"computed input {place}, {name!r}",
                try_="export the model with constant shapes and parameters",
            )
        return self.graph.initializers[name]

    def tensor(self, place: int = 0) -> Tensor:
        """Type of an input; of a constant, under its own dimensions."""
        if not self.is_constant(place):
            return self.types.of(self.name(place))
        stored = self.stored(place)
        return Tensor(stored.dtype, stored.dims, self._exponent(stored))

    def type_of(self, array: Array, place: int = 1) -> Tensor:
        """The type of an array that a constant input has become."""
        return Tensor(str(array.dtype), array.shape, self._exponent(self.stored(place)))

    def operand(self, place: int) -> Operand:
        """An input for a call: its name, or the constant as it is."""
        return self.array(place) if self.is_constant(place) else self.name(place)

    def array(self, place: int) -> Array:
        """A constant input under its own dimensions."""
        stored = self.stored(place)
        return stored.array().astype(stored.dtype)

    def _exponent(self, stored: Stored) -> Exponent:
        if stored.dtype in ("float32", "float64", "float16", "bool"):
            return None
        exponents = stored.exponents or (0,)
        if max(map(abs, exponents)) > 2 * LARGEST_EXPONENT:
            self.refuse("exponents out of range", f"{stored.name!r}: {exponents[:4]}")
        return exponents[0] if len(exponents) == 1 else exponents

    def integers(self, place: int) -> tuple[int, ...]:
        """A constant list of indices."""
        stored = self.stored(place)
        if stored.dtype not in INDEX_DTYPES:
            self.refuse("a list of indices", f"{stored.name!r} of {stored.dtype}", INDEX_DTYPES)
        return tuple(int(value) for value in stored.flat())

    def output(self, place: int = 0) -> str:
        """Name of a result."""
        if place >= len(self.node.outputs):
            self.refuse("a result is missing", f"{len(self.node.outputs)} results")
        return self.node.outputs[place]

    def typed(self, shape: Sequence[int], place: int = 0) -> Tensor:
        """The type of a result, its shape that which the inputs give.

        The file states one, too, but the runtime does not read it, and exporters leave it as it
        was before they changed a layout or made a model streaming.
        """
        return self.types.correct(self.output(place), tuple(shape))

    # -- attributes -----------------------------------------------------------------------------

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        return self._attribute(name, "int", default)

    def real(self, name: str, default: float) -> float:
        """A float attribute."""
        return self._attribute(name, "float", default)

    def string(self, name: str, default: str) -> str:
        """A string attribute."""
        return self._attribute(name, "string", default)

    def list(self, name: str, count: int, default: int, least: int = 0) -> tuple[int, ...]:
        """A list of `count` sizes, all `default` where absent."""
        self._attribute(name, "ints", ())
        numbers = self.given(name) or (default,) * count
        if len(numbers) != count or not all(least <= v <= LARGEST_STEP for v in numbers):
            self.refuse(
                f"attribute {name!r}", list(numbers[:8]), f"{count} integers of {least} or more"
            )
        return numbers

    def given(self, name: str) -> tuple[int, ...]:
        """A list of integers of any length and kind, () where absent."""
        found = self.node.attributes.get(name)
        if found is None or not isinstance(found.value, tuple):
            return ()
        return tuple(int(value) for value in found.value if isinstance(value, int))

    def axis(self, default: int, rank: int, name: str = "axis") -> int:
        """An axis counted from the front."""
        return self.from_front(self.integer(name, default), rank)

    def from_front(self, axis: int, rank: int) -> int:
        """An axis counted from the front, checked."""
        if not -rank <= axis < rank:
            self.refuse("no such axis", axis, f"-{rank} to {rank - 1}")
        return axis % rank

    def table(self) -> Array | None:
        """The node's lookup table, None where it has none."""
        name = self.string("lut", "")
        stored = self.graph.initializers.get(name)
        if name and stored is None:
            self.refuse("no such table", found=repr(name))
        return stored.flat().astype(stored.dtype) if stored is not None and name else None

    def _attribute(self, name: str, kind: str, default: ValueT) -> ValueT:
        found = self.node.attributes.get(name)
        if found is None:
            return default
        if found.kind != kind:
            self.refuse(f"attribute {name!r}", found=found.kind, allowed=kind)
        return found.value if isinstance(found.value, type(default)) else default
