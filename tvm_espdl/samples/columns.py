"""Joins the inputs of a network that come from sources of their own, such as images and a table.

Must never guess which samples belong together: their place decides, and all counts must agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .checks import Sample, different_counts


@dataclass(frozen=True, eq=False)
class Column:
    """The samples of one input."""

    #: Each with the one array of this input.
    samples: Iterator[Sample]
    #: How many there are, if that is known before they are read.
    count: int | None
    #: Whether there is one value only, which belongs to all samples of the other inputs.
    fixed: bool = False


def side_by_side(columns: Mapping[str, Column]) -> tuple[Iterator[Sample], int | None]:
    """Samples of all inputs from samples of each, and how many there are.

    Raises
    ------
    DataError
        If the inputs have different numbers of samples: before anything is read where these are
        known, otherwise when the shortest has ended.
    """
    moving = {name: column for name, column in columns.items() if not column.fixed}
    counts = {name: c.count for name, c in moving.items() if c.count is not None}
    if len(set(counts.values())) > 1:
        raise different_counts(counts, "calibration")
    return _joined(columns, moving), next(iter(counts.values()), None if moving else 1)


def _joined(columns: Mapping[str, Column], moving: Mapping[str, Column]) -> Iterator[Sample]:
    fixed: Sample = {}
    for name in columns.keys() - moving.keys():
        fixed.update(next(columns[name].samples))
    if not moving:
        yield fixed
        return
    read = 0
    while True:
        heads = {name: next(column.samples, None) for name, column in moving.items()}
        sample = {**fixed}
        for head in heads.values():
            sample.update(head or {})
        if None in heads.values():
            break
        yield {name: sample[name] for name in columns}
        read += 1
    if any(head is not None for head in heads.values()):
        # What is left over is read to its end, so that both numbers can be named.
        counts = {
            name: read if head is None else read + 1 + sum(1 for _ in moving[name].samples)
            for name, head in heads.items()
        }
        raise different_counts(counts, "calibration")
