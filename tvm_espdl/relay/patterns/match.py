"""What a pattern has matched, asked by role; and the table entry that turns it into an operator.

It knows expressions and records; which operators there are is said in the files beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tvm.relax.dpl import DFPattern, is_op

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.rounding import Array
from .. import qdq
from ..ir import array_of, is_constant, name_of, op_name, shape_of, to_last
from .dataflow import FLOAT, dequantized, quantized


@dataclass(frozen=True, eq=False)
class Match:
    """Expressions by role.

    Attributes
    ----------
    roles : mapping of str to expression
        Those annotated in the pattern that took part in the match.
    root : expression
        The outermost call.
    values : mapping
        What each variable is bound to.
    """

    roles: Mapping[str, Any]
    root: Any
    values: Mapping[Any, Any]

    def __contains__(self, role: str) -> bool:
        return role in self.roles

    def __getitem__(self, role: str) -> Any:
        """The call in a role."""
        return self.roles[role]

    @property
    def output(self) -> Tensor:
        """Type of the result: integers where the root is a quantize call, else float32."""
        if op_name(self.root) == qdq.QUANTIZE:
            return qdq.quantized_tensor(self.root)
        return Tensor("float32", shape_of(self.root))

    @property
    def name(self) -> str:
        """The model's name of the result; "" where the importer gave none."""
        return name_of(self.root)

    def tensor(self, role: str) -> Tensor:
        """Type of the integers that a dequantize call in a role reads."""
        return qdq.quantized_tensor(self.roles[role])

    def constant(self, role: str) -> Array:
        """The integers that a dequantize call of a constant in a role reads."""
        argument = self.roles[role].args[0]
        return array_of(argument if is_constant(argument) else self.values[argument])

    def floats(self, role: str) -> Array:
        """The real numbers of a constant, dequantized in its role or float in `float <role>`."""
        if FLOAT + role in self:
            return array_of(self.roles[FLOAT + role])
        exponents = np.array(self.tensor(role).exponent, np.int32)
        return np.ldexp(self.constant(role).astype(np.float32), exponents)

    def number(self, role: str, absent: float = math.nan) -> float:
        """As `floats`, of a constant of one element; NaN where it has more."""
        if role not in self and FLOAT + role not in self:
            return absent
        values = self.floats(role)
        return float(np.float32(values.ravel()[0])) if values.size == 1 else math.nan

    def is_constant(self, role: str) -> bool:
        """Whether the dequantize call in a role reads a constant."""
        argument = self.roles[role].args[0]
        return is_constant(argument) or is_constant(self.values.get(argument))

    def images(self) -> tuple[Tensor, Tensor]:
        """The input `x` and the result with their channels last."""
        x, y = self.tensor("x"), self.output
        return x.permuted(to_last(len(x.shape))), y.permuted(to_last(len(y.shape)))

    def axes(self, given: Iterable[Any] | None) -> list[int]:
        """Axes of the input `x`, counted from the front; all where none are given."""
        rank = len(self.tensor("x").shape)
        return list(range(rank)) if given is None else [int(axis) % rank for axis in given]

    def axis(self) -> int:
        """That of the call in the role `call`, counted from the front of the input `x`."""
        return int(self.roles["call"].attrs.axis) % len(self.tensor("x").shape)

    def limits(self, role: str) -> tuple[float, float]:
        """Those of the clip in a role."""
        low, high = (float(limit.value) for limit in self.roles[role].args[1:3])
        return low, high

    @property
    def activation(self) -> str:
        """What is fused behind the operator: `relu` where that role took part, or `linear`."""
        return "relu" if "relu" in self else "linear"


Build = Callable[[Match], Operator | Refusal]
Constants = Callable[[Match, Chip], tuple[Array, ...]]


@dataclass(frozen=True, eq=False)
class Pattern:
    """One entry of the pattern table.

    Attributes
    ----------
    operator : str
        Name of the operator; the composite is called `espdl.<operator>`.
    pattern : DFPattern
        What to look for.
    roles : mapping of str to DFPattern
        Parts of the pattern that `build` asks for.
    build : callable
        From a match to the operator's record, in the model's own layout where the operator takes
        any, in NHWC where it is `channels_last`; or to the reason why there is none.
    inputs : tuple of str
        Roles whose first arguments are the run-time inputs, in the operator's order.
    constants : callable
        From a match and a chip, which may round them, to the operator's constants.
    applies : callable
        Whether a match is this operator at all; where it is not, no reason is written down.
    warn : callable
        What users should know of an operator that a chip takes, or "".
    form : str
        Which of several forms of its operator it is, in a few words.
    """

    operator: str
    pattern: DFPattern
    roles: Mapping[str, DFPattern]
    build: Build
    inputs: tuple[str, ...] = ("x",)
    constants: Constants = field(default=lambda match, chip: ())
    applies: Callable[[Match], bool] = field(default=lambda match: True)
    warn: Callable[[Match, Chip], str] = field(default=lambda match, chip: "")
    form: str = ""

    @property
    def name(self) -> str:
        """The operator and its form: unique in the table."""
        return f"{self.operator}: {self.form}" if self.form else self.operator

    def arguments(self, match: Match, function: Any, call: Any) -> list[Any]:
        """The arguments of a composite's call in the operator's order.

        TVM orders a composite's parameters as it meets them, names a tensor once even where two
        roles read it, and binds constants inside the composite: those come back as they are.
        """
        of_parameter = dict(zip(function.params, call.args, strict=True))
        sources = [match[role].args[0] for role in self.inputs]
        return [s if is_constant(s) else of_parameter[s] for s in sources]

    def extract(self, root: Any, values: Mapping[Any, Any]) -> Match | None:
        """Match the pattern again, at `root`; None where it does not."""
        found = self.pattern.extract_matched_expr(root, dict(values))
        if found is None:
            return None
        roles = {role: found[part] for role, part in self.roles.items() if part in found}
        match = Match(roles, root, values)
        return match if self.applies(match) else None


def of_call(
    operator: str, name: str, build: Build, *others: DFPattern, floats: bool = False, **options: Any
) -> Pattern:
    """The entry of one call of a dequantized `x`, in the role `call`, which is quantized.

    `others` are its further arguments, `options` those of `Pattern`; with `floats` the result is
    float32.
    """
    x = dequantized()
    call = is_op(f"relax.{name}")(x, *others)
    pattern = call if floats else quantized(call)
    return Pattern(operator, pattern, {"x": x, "call": call}, build, **options)
