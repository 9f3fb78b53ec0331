"""Pools over one or two dimensions, channels last.

ESP-DL reads neither `ceil_mode` nor `count_include_pad`: means divide by the whole kernel.
"""

from __future__ import annotations

from typing import NamedTuple

from ...ops import Tensor
from ...ops.average_pool2d import AveragePool2d
from ...ops.base.pool import Pool
from ...ops.max_pool2d import MaxPool2d
from ..network import Call
from ..node_view import NodeView

KINDS: dict[str, type[Pool]] = {"AveragePool": AveragePool2d, "MaxPool": MaxPool2d}


class _Window(NamedTuple):
    """One entry per dimension; pads before all of them, then behind."""

    kernel: tuple[int, ...]
    pads: tuple[int, ...]
    strides: tuple[int, ...]


def pool(node: NodeView) -> list[Call]:
    """A window slid over an image or a signal."""
    x = node.tensor()
    spatial = _spatial(node)
    kernel = node.list("kernel_shape", spatial, 1, least=1)
    strides = node.list("strides", spatial, 1, least=1)
    pads = node.list("pads", 2 * spatial, 0)
    if set(node.list("dilations", spatial, 1, least=1)) != {1}:
        node.refuse("a dilated pool", node.list("dilations", spatial, 1, least=1), "1")
    window = _Window(kernel, pads, strides)
    extent = tuple(
        (x.shape[1 + axis] + pads[axis] + pads[spatial + axis] - kernel[axis]) // strides[axis] + 1
        for axis in range(spatial)
    )
    y = node.typed((x.shape[0], *extent, x.shape[-1]))
    return [_call(node, y, KINDS[node.node.op_type], window)]


def global_pool(node: NodeView) -> list[Call]:
    """A window as large as the image."""
    x, spatial = node.tensor(), _spatial(node)
    y = node.typed((x.shape[0], *(1,) * spatial, x.shape[-1]))
    kind = KINDS[node.node.op_type.removeprefix("Global")]
    window = _Window(x.shape[1:-1], (0,) * 2 * spatial, (1,) * spatial)
    return [_call(node, y, kind, window)]


def _spatial(node: NodeView) -> int:
    spatial = len(node.tensor().shape) - 2
    if spatial not in (1, 2) or node.tensor().dtype == "float32":
        node.refuse("a pool of images or signals of integers", node.tensor())
    return spatial


def _call(node: NodeView, y: Tensor, kind: type[Pool], window: _Window) -> Call:
    """A signal is an image of one row."""
    kernel, pads, strides = window
    if len(kernel) == 1:
        kernel, strides, pads = (1, *kernel), (1, *strides), (0, pads[0], 0, pads[1])
    sides = (pads[0], pads[1], pads[2], pads[3])
    steps = (strides[0], strides[1])
    operator = kind(node.tensor(), y, (kernel[0], kernel[1]), sides, steps)
    return node.call(operator, [node.operand(0)])


TRANSLATORS = {
    "AveragePool": pool,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "MaxPool": pool,
}
