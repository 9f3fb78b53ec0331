"""Windows of convolutions and pools: a signal's attributes are those of its columns.

A record has rows and columns always; a node over a signal states the columns alone.
"""

from __future__ import annotations

from ..ops.base.convolution import Convolution
from ..ops.base.pool import Pool
from ..ops.base.window import Pads, Pair
from .draft import Setting
from .node_view import NodeView
from .step_view import StepView


def pair(values: tuple[int, ...]) -> Pair:
    """Rows and columns; a signal has one row."""
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def steps_of(node: NodeView, name: str, spatial: int) -> Pair:
    """An attribute of one size for each dimension, 1 where absent."""
    return pair(node.list(name, spatial, 1, least=1))


def pads_of(node: NodeView, spatial: int) -> Pads:
    """Top, left, bottom, right."""
    values = node.list("pads", 2 * spatial, 0)
    if len(values) == 2:
        return (0, values[0], 0, values[1])
    return (values[0], values[1], values[2], values[3])


def window_settings(step: StepView, spatial: int) -> dict[str, Setting]:
    """Pads and strides as attributes.

    Raises
    ------
    ModelError
        If a signal is padded above or below.
    """
    operator: Convolution | Pool = step.operator
    top, left, bottom, right = operator.pads
    if spatial == 1 and (top, bottom) != (0, 0):
        step.refuse("a signal that is padded above or below", operator.pads)
    return {
        "pads": (left, right) if spatial == 1 else operator.pads,
        "strides": operator.strides[-spatial:],
    }
