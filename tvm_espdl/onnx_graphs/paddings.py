"""Pads of convolutions and pools, written as numbers where a node says them by a rule.

The formulas are those of ONNX's operators Conv, ConvTranspose and MaxPool. Must never change what
a node computes.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnx import NodeProto, helper

from ..errors import ModelError
from .graph import Graph, attribute
from .rewriting import of_each_node

_WINDOWS = ("Conv", "MaxPool", "AveragePool", "LpPool", "ConvInteger", "QLinearConv")


def _windows(node: NodeProto, graph: Graph) -> tuple[list[int], list[int], list[int]] | None:
    """Extents of the image, of the dilated kernel, and the strides; None where one is unknown."""
    x = graph.shape(node.input[0])
    place = 3 if node.op_type == "QLinearConv" else 1
    weights = graph.shape(node.input[place]) if len(node.input) > place else None
    kernel = attribute(node, "kernel_shape", list(weights[2:]) if weights else None)
    if x is None or kernel is None:
        return None
    count = len(kernel)
    dilations = attribute(node, "dilations", [1] * count)
    wide = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    return list(x[2:]), wide, list(attribute(node, "strides", [1] * count))


@of_each_node
def explicit_pads(node: NodeProto, graph: Graph) -> bool:
    """Write `auto_pad` of a convolution or a pool as pads; an extra one stands where it says."""
    mode = attribute(node, "auto_pad", b"NOTSET").decode()
    if node.op_type not in _WINDOWS or not any(a.name == "auto_pad" for a in node.attribute):
        return False
    if mode == "NOTSET":
        _set(node)
        return True
    found = _windows(node, graph)
    if found is None:
        return False
    totals = [0] * len(found[0])
    if mode != "VALID":
        totals = [
            max((-(-extent // stride) - 1) * stride + kernel - extent, 0)
            for extent, kernel, stride in zip(*found, strict=True)
        ]
    _set(node, pads=_split(totals, extra_last=mode == "SAME_UPPER"))
    return True


@of_each_node
def whole_windows(node: NodeProto, graph: Graph) -> bool:
    """Write `ceil_mode` of a pool as pads behind, in which its last windows end.

    Windows that would begin in these pads do not count, as onnxruntime has it.
    """
    counts = node.op_type == "AveragePool" and attribute(node, "count_include_pad", 0)
    is_pool = node.op_type in ("MaxPool", "AveragePool") and len(node.output) == 1
    if not is_pool or counts or not attribute(node, "ceil_mode", 0):
        return False
    found = _windows(node, graph)
    if found is None:
        return False
    count = len(found[0])
    pads = list(attribute(node, "pads", [0] * 2 * count))
    for axis, (extent, kernel, stride) in enumerate(zip(*found, strict=True)):
        before, behind = pads[axis], pads[count + axis]
        windows = -(-(extent + before + behind - kernel) // stride) + 1
        if (windows - 1) * stride >= extent + before:
            windows -= 1
        pads[count + axis] = max((windows - 1) * stride + kernel - extent - before, 0)
    _set(node, pads=pads, ceil_mode=None)
    return True


@of_each_node
def explicit_output_shapes(node: NodeProto, graph: Graph) -> bool:
    """Write `output_shape` and `auto_pad` of a ConvTranspose as pads, and output padding.

    Raises
    ------
    ModelError
        If the shape is larger than what the kernel and the strides can give.
    """
    names = {entry.name for entry in node.attribute}
    if node.op_type != "ConvTranspose" or not names & {"auto_pad", "output_shape"}:
        return False
    mode = attribute(node, "auto_pad", b"NOTSET").decode()
    wanted = attribute(node, "output_shape", None)
    if wanted is None and mode == "NOTSET":
        _set(node)
        return True
    found = _windows(node, graph)
    if found is None:
        return False
    extents, kernels, strides = found
    further = list(attribute(node, "output_padding", [0] * len(extents)))
    if wanted is None and mode == "VALID":
        _set(node, pads=[0] * 2 * len(extents))
        return True
    if wanted is None:
        wanted = [extent * stride for extent, stride in zip(extents, strides, strict=True)]
    wanted = list(wanted)[-len(extents) :]  # some write batch and channels, too
    whole = [
        stride * (extent - 1) + more + kernel
        for extent, kernel, stride, more in zip(extents, kernels, strides, further, strict=True)
    ]
    totals = [full - want for full, want in zip(whole, wanted, strict=True)]
    further = [more - min(total, 0) for more, total in zip(further, totals, strict=True)]
    if any(more >= stride for more, stride in zip(further, strides, strict=True) if more):
        raise ModelError(
            "the stated shape is larger than the node's result",
            where=f"node {node.name or node.output[0]!r} (ConvTranspose), output_shape",
            found=wanted,
            allowed=f"at most {[w + s - 1 for w, s in zip(whole, strides, strict=True)]}",
            try_="export the model with pads in place of output_shape",
        )
    pads = _split([max(total, 0) for total in totals], extra_last=mode == "SAME_UPPER")
    _set(node, pads=pads, output_padding=further)
    return True


def _split(totals: Sequence[int], *, extra_last: bool) -> list[int]:
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return [*small, *large] if extra_last else [*large, *small]


def _set(node: NodeProto, **attributes: list[int] | None) -> None:
    """Replace how a node is padded; None leaves an attribute out."""
    replaced = {"auto_pad", "output_shape", *attributes}
    kept = [entry for entry in node.attribute if entry.name not in replaced]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.extend(
        helper.make_attribute(name, value)
        for name, value in attributes.items()
        if value is not None
    )
