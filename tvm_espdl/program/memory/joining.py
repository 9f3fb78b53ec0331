"""Parts of concatenated channels that are computed where they belong, pixels apart, not copied.

Which kernels can is told, and what an arena needs is asked; nothing is placed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ...ops.base.ccall import Needs
from ...ops.concat import Concat
from ..program import Program, Step
from .sharing import Sharing


def joined(
    program: Program,
    needs: Mapping[int, Needs],
    sharing: Sharing,
    least: Callable[[Sharing], int],
) -> Sharing:
    """The sharing with all parts in place that may be.

    A joined result takes all its bytes from the time on when its first part is computed. Where
    that needs more memory (`least` bytes) than a part beside it and a copy, the part stays apart:
    all of a result's parts are tried together, then the one that is computed last, and so on.
    """
    known: int | None = None
    for step in program.steps:
        operator = step.operator
        if not isinstance(operator, Concat) or step.outputs[0] in sharing.views:
            continue
        able = sorted(_candidates(program, needs, step, operator), reverse=True)
        known = least(sharing) if known is None and able else known
        for some in [able, *([part] for part in able if len(able) > 1)]:
            tried = _with_parts(sharing, step.outputs[0], some)
            if known is not None and tried is not None and (needed := least(tried)) <= known:
                sharing, known = tried, needed
        if all(name in sharing.pitches for name in step.inputs):
            sharing.views.add(step.outputs[0])
    return sharing


def _with_parts(sharing: Sharing, result: str, parts: Iterable[_Part]) -> Sharing | None:
    """The sharing with some parts in their result; None where nothing is new, or it is wrong."""
    new = [part for part in parts if part.name not in sharing.pitches]
    tried = sharing.copy() if new else None
    if tried is None or not all(tried.join(p.name, result, p.offset, p.pitch) for p in new):
        return None
    return tried


class _Part(NamedTuple):
    """A part of a result: the step that computes it, and where its pixels are, in bytes."""

    step: int
    name: str
    offset: int
    pitch: int


def _candidates(
    program: Program, needs: Mapping[int, Needs], step: Step, operator: Concat
) -> Iterator[_Part]:
    """The parts whose kernels can leave room for others."""
    axis, shape = operator.axis, operator.y.shape
    if axis != len(shape) - 1 or operator.outer == 1:
        return
    size = np.dtype(operator.y.dtype).itemsize
    makers = {name: index for index, other in enumerate(program.steps) for name in other.outputs}
    leaving = {*program.outputs, *(state.next for state in program.states)}
    pitch, offset = shape[axis] * size, 0
    for name, x in zip(step.inputs, operator.xs, strict=True):
        maker = makers.get(name, -1)
        need = needs.get(maker, Needs())
        readers = sum(other.inputs.count(name) for other in program.steps)
        fits = offset % need.alignment == 0 and pitch % need.alignment == 0
        if need.apart and fits and readers == 1 and name not in leaving:
            yield _Part(maker, name, offset, pitch)
        offset += x.shape[axis] * size
