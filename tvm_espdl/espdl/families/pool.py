"""Pools over one or two dimensions, channels last.

ESP-DL reads neither `ceil_mode` nor `count_include_pad`: means divide by the whole kernel.
Source: `dl/module/include/dl_module_{max_pool,average_pool,global_average_pool}.hpp`.
"""

from __future__ import annotations

from ...ops.average_pool2d import AveragePool2d
from ...ops.base.pool import Pool
from ...ops.base.window import output_extent
from ...ops.max_pool2d import MaxPool2d
from ..draft import Setting
from ..node_view import NodeView, Readers
from ..step_view import StepView, Writers
from ..windows import pads_of, pair, steps_of, window_settings

KINDS: dict[str, type[Pool]] = {"AveragePool": AveragePool2d, "MaxPool": MaxPool2d}


def read(node: NodeView) -> None:
    """A window slid over an image or a signal, or one as large as that."""
    x, spatial, kind = node.tensor(), _spatial(node), node.node.op_type
    size = pair(x.shape[1:-1])
    if kind in KINDS:
        kernel, strides = (steps_of(node, name, spatial) for name in ("kernel_shape", "strides"))
        pads = pads_of(node, spatial)
        if steps_of(node, "dilations", spatial) != (1, 1):
            node.refuse("a dilated pool", node.list("dilations", spatial, 1, least=1), "1")
    else:
        kernel, strides, pads = size, (1, 1), (0, 0, 0, 0)
    extent = output_extent(size, kernel, pads, strides, (1, 1))
    y = node.typed((x.shape[0], *extent[2 - spatial :], x.shape[-1]))
    operator = KINDS[kind.removeprefix("Global")](x, y, kernel, pads, strides)
    node.call(operator, [node.operand(0)])


def _spatial(node: NodeView) -> int:
    spatial = len(node.tensor().shape) - 2
    if spatial not in (1, 2) or node.tensor().dtype == "float32":
        node.refuse("a pool of images or signals of integers", node.tensor())
    return spatial


def write(step: StepView) -> None:
    """A mean over all of an image is a GlobalAveragePool."""
    operator: Pool = step.operator
    average = isinstance(operator, AveragePool2d)
    whole = operator.kernel == operator.image.shape[1:3] and not any(operator.pads)
    if average and whole and operator.strides == (1, 1):
        step.node("GlobalAveragePool", [step.operand(0)])
        return
    spatial = len(operator.x.shape) - 2
    settings: dict[str, Setting] = {
        "ceil_mode": 0,
        "kernel_shape": operator.kernel[-spatial:],
        **window_settings(step, spatial),
    }
    if average:
        settings["count_include_pad"] = 1
    step.node("AveragePool" if average else "MaxPool", [step.operand(0)], settings)


READERS: Readers = dict.fromkeys((*KINDS, *(f"Global{kind}" for kind in KINDS)), read)
WRITERS: Writers = {kind.name: write for kind in KINDS.values()}
