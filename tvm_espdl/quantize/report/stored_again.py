"""Weights that several layers read and that are stored once for each: why, and what that costs.

Must never count what is stored once.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..qdq import StoredConstant, stored_constants
from .account import Account


def stored_again(account: Account) -> Iterator[str]:
    """A sentence for each constant of which layers need other integers."""
    plan, assignment = account.plan, account.assignment
    readers: dict[str, dict[bytes, list[str]]] = {}
    exponents: dict[str, set[bytes]] = {}
    for (node, place), stored in stored_constants(plan, assignment, account.chip).items():
        value = assignment.values.get((node, place), plan.graph.constant(stored.name))
        integers = stored.integers(value, account.chip.rounding).astype(f"i{stored.bits // 8}")
        same = readers.setdefault(stored.name, {})
        same.setdefault(integers.tobytes(), []).append(plan.graph.nodes[node].name)
        exponents.setdefault(stored.name, set()).add(_scale(stored))
    for name, found in readers.items():
        if len(found) > 1:
            more = sum(map(len, found)) - max(map(len, found))
            why = "exponents" if len(exponents[name]) > 1 else "rounding"
            layers = ", ".join(names[0] for names in found.values())
            yield (
                f"{name}: stored {len(found)} times ({more:,} bytes more), for {layers} differ in "
                f"{why}"
            )


def _scale(stored: StoredConstant) -> bytes:
    return stored.exponents.tobytes() + bytes([stored.bits])
