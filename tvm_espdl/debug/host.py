"""What the comparison asks of a compiled network on the PC; `Library` answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..ops.base.rounding import Array
from ..program import Program


class Host(Protocol):
    """A network that runs on the PC and shows every tensor."""

    @property
    def program(self) -> Program:
        """The network as a static list of calls."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, as the model has them, in the order of `program.inputs`."""

    def observe(
        self, arrays: list[Any] | Mapping[str, Any], states: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """Every tensor of one run by its name in the program, in the order of execution."""
