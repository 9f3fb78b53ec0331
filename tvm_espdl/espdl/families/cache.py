"""StreamingCache: frames that a network keeps between runs.

Source: ESP-DL `dl/module/include/dl_module_streaming_cache.hpp`, which copies bytes one behind the
other and begins with zeros. A state that is kept in any other way has no node in a file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import ModelError
from ...ops import Tensor
from ...ops.concat import Concat
from ...ops.reshape import Reshape
from ...ops.slice import Slice
from ...program import Program, State, Step
from ..node_view import NodeView, Readers
from ..step_view import StepView


def read(node: NodeView) -> None:
    """The last frames of the runs before, then this run's; of both, the last ones are kept."""
    x = node.tensor()
    axis = node.axis(1, len(x.shape), "frame_axis")
    kept = node.integer("window_size", 1) - 1
    y = node.typed(tuple(extent + kept * (a == axis) for a, extent in enumerate(x.shape)))
    if x.dtype == "float32" or kept < 0:
        node.refuse("a cache of integers", f"{x.dtype}, window_size {kept + 1}")
    if math.prod(x.shape[:axis]) != 1:
        node.refuse(
            "a cache along an inner axis, which the chip fills as if it were the outermost",
            f"frame_axis {axis} of shape {x.shape}",
            "axes of 1 before frame_axis",
            "have the frames first",
        )
    if not kept:
        node.call(Reshape(x, y))
        return
    shape = tuple(kept if a == axis else extent for a, extent in enumerate(x.shape))
    cache = Tensor(x.dtype, shape, x.exponent)
    state, following = f"{node.output()}_cache", f"{node.output()}_cache_next"
    node.steps.add_state(state, following, cache)
    node.call(Concat((cache, x), y, axis), [state, node.operand(0)])
    starts = tuple(x.shape[axis] if a == axis else 0 for a in range(len(shape)))
    last = Slice(y, cache, starts, (1,) * len(shape))
    node.call(last, [node.output()], output=following)


READERS: Readers = {"StreamingCache": read}


@dataclass(frozen=True)
class Cache:
    """A concatenation of kept frames and new ones.

    Attributes
    ----------
    frames : str
        The value of the new ones.
    axis, window : int
        Along which they follow each other; how many frames kept and new overlap, and one.
    """

    frames: str
    axis: int
    window: int


def write(step: StepView, cache: Cache, frames: str) -> None:
    """One node for a cache whose new frames have a name in the file."""
    settings = {"frame_axis": cache.axis, "window_size": cache.window}
    step.node("StreamingCache", [frames], settings)


def caches_of(program: Program) -> tuple[dict[int, Cache], frozenset[int]]:
    """The caches by the step that concatenates, and the steps that cut out what is kept.

    A state that no StreamingCache keeps is refused.
    """
    caches: dict[int, Cache] = {}
    cuts: set[int] = set()
    for state in program.states:
        found = _cache(program, state)
        if found is None:
            raise ModelError(
                "ESP-DL's runtime cannot keep this state between runs",
                where=f"state {state.value!r}",
                allowed="the last frames of a sequence, in front of new ones (StreamingCache)",
                try_="export_project: the generated C keeps it",
            )
        number, cache, cut = found
        caches[number] = cache
        cuts.add(cut)
    return caches, frozenset(cuts)


def _cache(program: Program, state: State) -> tuple[int, Cache, int] | None:
    uses = [n for n, step in enumerate(program.steps) if state.value in step.inputs]
    cuts = [n for n, step in enumerate(program.steps) if state.next in step.outputs]
    read = [step for step in program.steps if state.next in step.inputs]
    if len(uses) != 1 or len(cuts) != 1 or read or state.next in program.outputs:
        return None
    joined, cut = program.steps[uses[0]], program.steps[cuts[0]]
    if not _keeps_last_frames(joined, cut, state):
        return None
    assert isinstance(joined.operator, Concat)
    axis, kept = joined.operator.axis, joined.operator.xs[0].shape
    return uses[0], Cache(joined.inputs[1], axis, kept[axis] + 1), cuts[0]


def _keeps_last_frames(joined: Step, cut: Step, state: State) -> bool:
    concat, last = joined.operator, cut.operator
    if not isinstance(concat, Concat) or not isinstance(last, Slice):
        return False
    if len(joined.inputs) != 2 or joined.inputs[0] != state.value or cut.inputs != joined.outputs:
        return False
    new, axis = concat.xs[1].shape, concat.axis
    starts = tuple(new[axis] if a == axis else 0 for a in range(len(new)))
    whole = set(last.steps) == {1} and last.starts == starts
    return whole and last.y.shape == concat.xs[0].shape and math.prod(new[:axis]) == 1
