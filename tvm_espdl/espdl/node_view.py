"""One node with its tensors and attributes, asked by place and name, each answer checked.

It reads; which operator a node becomes is said in `families`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import numpy as np

from ..chips import Chip
from ..errors import EspdlWarning, ModelError
from ..ops import Operator, Tensor
from ..ops.base.operator import Exponent
from ..ops.base.rounding import Array
from ..ops.reshape import Reshape
from .schema import Graph, Node
from .schema import Tensor as Stored
from .steps import Steps
from .types import LARGEST_EXPONENT, FloatCall, Operand, Types

INDEX_DTYPES = ("int32", "int64")
LARGEST_STEP = 1 << 15
# Of a rule that an operator breaks and is run all the same: whose bits its result has.
WHOSE = {
    "followed": "The PC follows the chip.",
    "portable": "ESP-DL's runtime cannot run it: this package's kernel does, here and in projects.",
}

ValueT = TypeVar("ValueT", int, float, str, tuple[int, ...])


@dataclass(frozen=True, eq=False)
class NodeView:
    """A node in its graph, of the file `where`; its program, `steps`, is that of a chip."""

    node: Node
    graph: Graph
    types: Types
    steps: Steps
    where: str

    @property
    def chip(self) -> Chip:
        """The chip that the node runs on."""
        return self.steps.chip

    def refuse(
        self, what: str, found: object = None, allowed: object = None, try_: str = ""
    ) -> NoReturn:
        """Refuse the node: a `ModelError`, always."""
        where = f"{self.where}, {self.node.label}"
        raise ModelError(what, where=where, found=found, allowed=allowed, try_=try_)

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
            self.refuse(
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

    # -- calls ----------------------------------------------------------------------------------

    def call(
        self,
        operator: Operator | FloatCall,
        inputs: Sequence[Operand] | None = None,
        constants: Sequence[Array] = (),
        *,
        output: str | None = None,
        place: int = 0,
    ) -> None:
        """Add a call of an operator that the chip runs, by default of the node's first input.

        Parameters
        ----------
        output : str, optional
            Name of a result that the file does not have; else the node's own at `place`.
        """
        given = [self.operand(0)] if inputs is None else inputs
        admits = self._check(operator, given, constants) if isinstance(operator, Operator) else ()
        name = self.output(place) if output is None else output
        covers = (name,) if output is None else ()
        missing = [n for n in given if isinstance(n, str) and n not in self.steps]
        if missing or name in self.steps:
            self.refuse(
                "it reads what is not computed before" if missing else "its result exists already",
                ", ".join(missing) or name,
                "nodes in the order of execution, each result written once",
                "export the model again",
            )
        self.steps.add_step(
            operator, given, name, constants=constants, covers=covers, admits=admits
        )

    def call_as(
        self, y: Tensor, what: str, operator: Operator, inputs: Sequence[Operand] | None = None
    ) -> None:
        """Add a call whose result is the node's under another shape than that of `y`."""
        if operator.output.shape == y.shape:
            self.call(operator, inputs)
            return
        result = f"{self.output()}_{what}"
        self.call(operator, inputs, output=result)
        self.call(Reshape(operator.output, y), [result])

    def reshaped(
        self, operand: Operand, tensor: Tensor, shape: tuple[int, ...], what: str
    ) -> Operand:
        """An operand under another shape: itself, or an added call that is called after `what`."""
        if tensor.shape == shape:
            return operand
        result = f"{self.output()}_{what}"
        operator = Reshape(tensor, dataclasses.replace(tensor, shape=shape))
        self.call(operator, [operand], output=result)
        return result

    def _check(
        self, operator: Operator, inputs: Sequence[Operand], constants: Sequence[Array]
    ) -> tuple[str, ...]:
        """Names of the rules that it breaks, and is to run all the same."""
        types = (*operator.inputs, *operator.constants)
        for tensor, given in zip(types, (*inputs, *constants), strict=True):
            wanted = f"{np.dtype(tensor.dtype)} {tensor.shape}"
            if not isinstance(given, str) and f"{given.dtype} {given.shape}" != wanted:
                self.refuse(
                    "a constant of another type than the node reads",
                    found=f"{given.dtype} {given.shape}",
                    allowed=wanted,
                )
        refusals = operator.refusals(self.chip)
        for refusal in refusals:
            if refusal.otherwise == "refused":
                self.refuse(refusal.sentence, refusal.found, refusal.allowed, refusal.fix)
            self.warn(f"{refusal.sentence} Found: {refusal.found}. {WHOSE[refusal.otherwise]}")
        return tuple(refusal.rule for refusal in refusals)


Reader = Callable[[NodeView], None]
Readers = Mapping[str, Reader]
