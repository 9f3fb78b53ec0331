"""Clips that become part of the step before them, where nobody else reads what is clipped.

It decides which; how a kernel limits its results is `host.limiting`. A run step by step still has
both, with the same code.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ..ops.base.convolution import Convolution
from ..ops.base.convolution1d import Convolution1d
from ..ops.clip import Clip
from ..ops.gemm import Gemm
from ..program import Program, Step
from .host import Call
from .host.limiting import limited

PRODUCTS = (Convolution, Convolution1d, Gemm)


def clipped(program: Program) -> dict[str, Step]:
    """The clips that may become part of a product, by the value that they clip."""
    reads: dict[str, list[Step]] = {name: [] for name in program.values}
    for step in program.steps:
        for name in step.inputs:
            reads[name].append(step)
    leaving = {*program.outputs, *(state.next for state in program.states)}
    made = [s.outputs[0] for s in program.steps if isinstance(s.operator, PRODUCTS)]
    return {
        name: reads[name][0]
        for name in made
        if name not in leaving and len(reads[name]) == 1 and _only_limits(reads[name][0])
    }


def _only_limits(step: Step) -> bool:
    operator = step.operator
    return (
        isinstance(operator, Clip)
        and operator.x.dtype == operator.y.dtype
        and operator.x.exponent == operator.y.exponent
    )


def with_clips(
    steps: Sequence[Step], calls: Sequence[Call], clips: Mapping[str, Step]
) -> tuple[tuple[Step, ...], tuple[Call, ...]]:
    """The steps and their calls, each clip that is among them in the step before it."""
    inside = {id(step) for step in steps}
    joined = {name: clip for name, clip in clips.items() if id(clip) in inside}
    gone = {id(clip) for clip in joined.values()}
    kept = [pair for pair in zip(steps, calls, strict=True) if id(pair[0]) not in gone]
    done = [
        _with_clip(*pair, joined[pair[0].outputs[0]]) if pair[0].outputs[0] in joined else pair
        for pair in kept
    ]
    return tuple(step for step, _ in done), tuple(call for _, call in done)


def _with_clip(step: Step, call: Call, clip: Step) -> tuple[Step, Call]:
    assert isinstance(clip.operator, Clip)
    kernel = limited(call.kernel, clip.operator.low, clip.operator.high)
    replaced = dataclasses.replace(step, outputs=clip.outputs)
    return replaced, dataclasses.replace(call, kernel=kernel)
