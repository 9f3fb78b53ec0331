"""What a pattern has matched, asked by role; and the table entry that turns it into an operator.

It knows expressions and records; which operators there are is said in the files beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tvm.relax.dpl import DFPattern

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.rounding import Array
from .. import qdq
from ..ir import array_of, is_constant, name_of, op_name, shape_of


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


Build = Callable[[Match], Operator | Refusal]
Constants = Callable[[Match], tuple[Array, ...]]
Tables = Callable[[Match, Chip], tuple[Array, ...]]
Applies = Callable[[Match], bool]
Warn = Callable[[Match, Chip], str]


def always(match: Match) -> bool:
    """For patterns whose every match is the operator."""
    return True


def nothing_to_say(match: Match, chip: Chip) -> str:
    """For patterns that keep every value."""
    return ""


def no_constants(match: Match) -> tuple[Array, ...]:
    """For operators that have none."""
    return ()


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
    inputs : tuple of str
        Roles whose first arguments are the run-time inputs, in the operator's order.
    build : callable
        From a match to the operator's record, in the model's own layout where the operator takes
        any, in NHWC where it is `channels_last`; or to the reason why there is none.
    constants : callable
        From a match to the operator's constants.
    tables : callable, optional
        In place of `constants`, from a match and a chip: for those that are rounded as it does.
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
    inputs: tuple[str, ...]
    build: Build
    constants: Constants = field(default=no_constants)
    tables: Tables | None = None
    applies: Applies = field(default=always)
    warn: Warn = field(default=nothing_to_say)
    form: str = ""

    @property
    def name(self) -> str:
        """The operator and its form: unique in the table."""
        return f"{self.operator}: {self.form}" if self.form else self.operator

    def constants_on(self, chip: Chip, match: Match) -> tuple[Array, ...]:
        """The operator's constants on a chip."""
        return self.constants(match) if self.tables is None else self.tables(match, chip)

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
