"""One call of a program with the graph that it is written to: names, constants, attributes.

It writes; which nodes an operator becomes is said in `families`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..chips import Chip
from ..errors import ModelError
from ..ops import Tensor
from ..ops.base.operator import Exponent
from ..ops.base.rounding import Array
from .draft import UNKNOWN_LAYOUT, Draft, Setting

QUANT_TYPES = {"int8": "S8", "int16": "S16", "float32": "F32"}
INSTEAD = "export_project: the generated C runs it"


@dataclass(frozen=True, eq=False)
class StepView:
    """A call that becomes one node or more.

    Attributes
    ----------
    operator : Operator
        The record; its class decides who looks at it.
    inputs : tuple of str
        Names in the file; of constants, those of their initializers.
    fixed : tuple of numpy.ndarray or None
        For each input its array where it is constant.
    constants : tuple of numpy.ndarray
        As the operator's `constants` state them.
    output : str
        Name of the result in the file.
    name : str
        The model's node.
    packed_factor : str
        Of a matrix product, the right factor where the file has it packed already; else "".
    """

    chip: Chip
    draft: Draft
    operator: Any
    inputs: tuple[str, ...]
    fixed: tuple[Array | None, ...]
    constants: tuple[Array, ...]
    output: str
    name: str
    packed_factor: str = ""

    def refuse(self, what: str, found: object = None, allowed: object = None) -> NoReturn:
        """Refuse the call: a `ModelError`, always."""
        where = f"node {self.name or self.output!r} ({self.operator.name})"
        raise ModelError(what, where=where, found=found, allowed=allowed, try_=INSTEAD)

    def operand(self, place: int) -> str:
        """Name of an input, its initializer added where it is constant."""
        name, array = self.inputs[place], self.fixed[place]
        if array is None:
            return name
        tensor: Tensor = self.operator.inputs[place]
        return self.draft.add_constant(name, array, tensor.shape, tensor.exponent, shared=True)

    def constant(
        self,
        what: str,
        array: Array,
        dims: Sequence[int] | None = None,
        exponent: Exponent = None,
        *,
        layout: str = UNKNOWN_LAYOUT,
        shared: bool = False,
    ) -> str:
        """A constant of the call's own, named after its result, as `Draft.add_constant`."""
        name, stated = f"{self.output}.{what}", array.shape if dims is None else dims
        return self.draft.add_constant(name, array, stated, exponent, layout=layout, shared=shared)

    def indices(self, what: str, values: Sequence[int] | Array) -> str:
        """64-bit integers, as the runtime reads shapes, axes and sizes."""
        return self.constant(what, np.array(values, np.int64), shared=True)

    def between(self, what: str, tensor: Tensor) -> str:
        """A value that only this call needs."""
        return self.draft.add_value(self.draft.unused(f"{self.output}.{what}"), tensor)

    def reshaped(self, what: str, name: str, tensor: Tensor, shape: tuple[int, ...]) -> str:
        """A value under another shape: itself, or that of a node of its own."""
        if tensor.shape == shape:
            return name
        result = self.between(what, dataclasses.replace(tensor, shape=shape))
        inputs = [name, self.indices(f"{what}.shape", shape)]
        self.node("Reshape", inputs, {"allowzero": 0}, output=result)
        return result

    def node(
        self,
        op_type: str,
        inputs: Sequence[str] | None = None,
        settings: Mapping[str, Setting] | None = None,
        *,
        output: str | None = None,
        outputs: Sequence[str] = (),
        of: Tensor | None = None,
    ) -> None:
        """A node of the call, by default of its first input, that gives its result or `output`.

        Parameters
        ----------
        settings : mapping of str
            Its attributes, all that the runtime reads, `quant_type` apart.
        outputs : sequence of str
            All results, where the call's is one of several.
        of : Tensor, optional
            Decides the `quant_type`; the first input's type where absent.
        """
        tensor = self.operator.inputs[0] if of is None else of
        read = [self.operand(0)] if inputs is None else inputs
        name = self.name if output is None else f"{self.name or self.output}/{output}"
        results = outputs or (self.output if output is None else output,)
        whole: dict[str, Setting] = {**(settings or {}), "quant_type": QUANT_TYPES[tensor.dtype]}
        self.draft.add_node(op_type, read, results, name, whole)


Writer = Callable[[StepView], None]
Writers = Mapping[str, Writer]


def plain(op_type: str, **fields: str) -> Writer:
    """Writes a node of one input; attributes, each with the record's field that it is."""
    return lambda step: step.node(
        op_type,
        settings={name: getattr(step.operator, field) for name, field in fields.items()},
    )
