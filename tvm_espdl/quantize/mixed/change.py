"""The same network with some layers in int16 and some in float, on the measurements made once.

Must never calibrate, nor find out whether a change is worth anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..plan import Plan
from ..precision import choosable, head_of, is_inside, name_of, widen_nodes
from ..settling import with_floats
from ..workbench import Workbench

#: Why a layer that was chosen so stays float.
WHY_FLOAT = "the wanted accuracy needs it"


@dataclass(frozen=True)
class Change:
    """Layers that compute in int16, and layers that stay float, by the first nodes of kernels."""

    wide: frozenset[int] = frozenset()
    real: frozenset[int] = frozenset()

    def __or__(self, other: Change) -> Change:
        real = self.real | other.real
        return Change((self.wide | other.wide) - real, real)

    def options(self, plan: Plan) -> tuple[str, ...]:
        """The words of the command line."""
        words = [("--int16", name_of(plan, node)) for node in sorted(self.wide)]
        words += [("--float", name_of(plan, node)) for node in sorted(self.real)]
        return tuple(word for pair in words for word in pair)

    def of(self, plan: Plan) -> Plan | None:
        """The changed plan; what is int16 already stays so. None if nothing is quantized then."""
        wide = {index for index in choosable(plan) if index in plan.wide} | self.wide
        if self.real:
            plan = with_floats(plan, dict.fromkeys(_whole(self.real, plan), WHY_FLOAT))
        return widen_nodes(plan, wide & plan.rules.keys()) if plan.rules else None


def changed(bench: Workbench, change: Change) -> Workbench | None:
    """The workbench of the changed network; None if nothing is quantized then."""
    plan = change.of(bench.plan)
    return None if plan is None else bench.with_plan(plan)


def possible_floats(plan: Plan) -> list[int]:
    """The first nodes of kernels that compute, whatever widths they have."""
    moving = ("share", "clip")
    return [i for i, r in plan.rules.items() if not (is_inside(plan, i) or r.kind in moving)]


def _whole(nodes: Iterable[int], plan: Plan) -> Iterator[int]:
    """All that the kernels of some nodes compute."""
    heads = {head_of(plan, node) for node in nodes}
    return (index for index in plan.rules if head_of(plan, index) in heads)
