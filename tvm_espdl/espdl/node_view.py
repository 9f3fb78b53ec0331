"""One node and the calls that it becomes, each operator checked against the chip's rules.

It adds calls; which operator a node becomes is said in `families`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..ops import Operator, Tensor
from ..ops.base.rounding import Array
from ..ops.reshape import Reshape
from .decomposition import parts_of
from .node_content import NodeContent
from .parts import Parts
from .types import FloatCall, Operand

# Of a rule that an operator breaks and is run all the same: whose bits its result has.
WHOSE = {
    "followed": "The PC follows the chip.",
    "portable": "ESP-DL's runtime cannot run it: this package's kernel does, here and in projects.",
}


class NodeView(NodeContent):
    """A node that is read: what stands in it, and the steps that it adds."""

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
        admits: tuple[str, ...] = ()
        if isinstance(operator, Operator):
            self._check_constants(operator, given, constants)
            found = parts_of(operator, constants, self.chip) if self.apart else None
            if found is not None:
                refusal, how, parts = found
                self.warn(f"{refusal.sentence} Found: {refusal.found}. {how}")
                self.call_parts(parts, given, output=output, place=place)
                return
            admits = self._admitted(operator)
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

    def call_parts(
        self,
        parts: Parts,
        given: Sequence[Operand],
        *,
        output: str | None = None,
        place: int = 0,
    ) -> None:
        """Add the calls of an operator that was taken apart; what is constant is computed here."""
        operands, base = list(given), self.output(place) if output is None else output
        for number, part in enumerate(parts.calls, 1):
            last, inputs = number == len(parts.calls), [operands[at] for at in part.inputs]
            known = [given for given in inputs if not isinstance(given, str)]
            if len(known) == len(inputs) and not last:
                result = part.operator.reference(self.chip, *known, *part.constants)
                operands.append(np.ascontiguousarray(result))
                continue
            name = output if last else f"{base}_part{number}"
            self.call(part.operator, inputs, part.constants, output=name, place=place)
            operands.append(name or base)

    def _check_constants(
        self, operator: Operator, inputs: Sequence[Operand], constants: Sequence[Array]
    ) -> None:
        types = (*operator.inputs, *operator.constants)
        for tensor, given in zip(types, (*inputs, *constants), strict=True):
            wanted = f"{np.dtype(tensor.dtype)} {tensor.shape}"
            if not isinstance(given, str) and f"{given.dtype} {given.shape}" != wanted:
                self.refuse(
                    "a constant of another type than the node reads",
                    found=f"{given.dtype} {given.shape}",
                    allowed=wanted,
                )

    def _admitted(self, operator: Operator) -> tuple[str, ...]:
        """Names of the rules that it breaks, and is to run all the same."""
        refusals = operator.refusals(self.chip)
        for refusal in refusals:
            if refusal.otherwise == "refused":
                texts = refusal.sentence, refusal.found, refusal.allowed, refusal.fix
                self.leave(*texts, refusal=refusal)
            self.warn(f"{refusal.sentence} Found: {refusal.found}. {WHOSE[refusal.otherwise]}")
        return tuple(refusal.rule for refusal in refusals)


Reader = Callable[[NodeView], None]
Readers = Mapping[str, Reader]
