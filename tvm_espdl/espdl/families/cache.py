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
    before, behind = x.shape[:axis], x.shape[axis + 1 :]
    y = node.typed((*before, x.shape[axis] + kept, *behind))
    if x.dtype == "float32" or kept < 0:
        node.refuse("a cache of integers", f"{x.dtype}, window_size {kept + 1}")
    if math.prod(before) != 1:
        if not node.apart:
            node.refuse(
                "a cache along an inner axis, which the chip fills as if it were the outermost",
                f"frame_axis {axis} of shape {x.shape}",
                "axes of 1 before frame_axis",
                "have the frames first",
            )
        node.warn(
            "ESP-DL fills a cache as if its axis were the outermost. "
            f"Found: frame_axis {axis} of shape {x.shape}. Here frames are kept along their axis."
        )
    if not kept:
        node.call(Reshape(x, y))
        return
    cache = Tensor(x.dtype, (*before, kept, *behind), x.exponent)
    state, following = f"{node.output()}_cache", f"{node.output()}_cache_next"
    node.steps.add_state(state, following, cache)
    node.call(Concat((cache, x), y, axis), [state, node.operand(0)])
    node.call(Slice.along(y, cache, axis, x.shape[axis]), [node.output()], output=following)


READERS: Readers = {"StreamingCache": read}


@dataclass(frozen=True)
class Cache:
    """A concatenation of kept frames and new ones, `frames`, along an axis.

    `window` is how many frames kept and new overlap, and one.
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
        uses = [n for n, step in enumerate(program.steps) if state.value in step.inputs]
        made = [n for n, step in enumerate(program.steps) if state.next in step.outputs]
        read = [*program.outputs, *(name for step in program.steps for name in step.inputs)]
        cache = None
        if len(uses) == len(made) == 1 and state.next not in read:
            cache = _cache(program.steps[uses[0]], program.steps[made[0]], state)
        if cache is None:
            raise ModelError(
                "ESP-DL's runtime cannot keep this state between runs",
                where=f"state {state.value!r}",
                allowed="the last frames of a sequence, in front of new ones (StreamingCache)",
                try_="export_project: the generated C keeps it",
            )
        caches[uses[0]] = cache
        cuts.update(made)
    return caches, frozenset(cuts)


def _cache(joined: Step, cut: Step, state: State) -> Cache | None:
    """What keeps the last frames, where both steps do."""
    concat, last = joined.operator, cut.operator
    if not isinstance(concat, Concat) or not isinstance(last, Slice):
        return None
    if len(joined.inputs) != 2 or joined.inputs[0] != state.value or cut.inputs != joined.outputs:
        return None
    (kept, new), axis = (x.shape for x in concat.xs), concat.axis
    whole = last == Slice.along(last.x, last.y, axis, new[axis]) and last.y.shape == kept
    if not whole or math.prod(new[:axis]) != 1:
        return None
    return Cache(joined.inputs[1], axis, kept[axis] + 1)
