"""Golden cases of concat, pad and slice."""

from __future__ import annotations

from typing import Any

from ...ops import Operator
from ...ops.concat import Concat
from ...ops.pad import Pad
from ...ops.slice import Slice
from ..golden import Case


def _concat(case: Case) -> tuple[Operator, list[str]]:
    names = ["a", "b"]
    parts = tuple(case.tensor(name) for name in names)
    return Concat(parts, case.output, case.entry["attrs"]["axis"]), names


def _pad(case: Case) -> tuple[Operator, list[str]]:
    attrs: dict[str, Any] = case.entry["attrs"]
    rank = len(case.output.shape)
    before, after = tuple(attrs["pads"][:rank]), tuple(attrs["pads"][rank:])
    record = Pad(case.tensor("x"), case.output, before, after, attrs["mode"], attrs.get("value", 0))
    return record, ["x"]


def _slice(case: Case) -> tuple[Operator, list[str]]:
    attrs: dict[str, Any] = case.entry["attrs"]
    return Slice(case.tensor("x"), case.output, tuple(attrs["starts"]), tuple(attrs["steps"])), [
        "x"
    ]


BUILDERS = {"concat": _concat, "pad": _pad, "slice": _slice}
