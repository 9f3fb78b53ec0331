"""From golden cases to operator records, by the index's name of an operator.

It makes the record of a case and names its arrays in the order of the call; nothing is run here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import Operator, operators
from ..ops.base.broadcast import Broadcast
from ..ops.base.reduction import Reduction
from ..ops.base.registry import declared
from ..ops.concat import Concat
from ..ops.lut import Lut
from ..ops.matmul import Matmul
from ..ops.pad import Pad
from ..ops.prelu import Prelu
from ..ops.softmax import Softmax
from .golden import Case

Built = tuple[Operator, list[str]]
Builder = Callable[[Case], Built]


def _operator(name: str) -> Callable[..., Operator]:
    return operators()[name]


def _unary(name: str, *fields: Callable[[dict[str, Any]], Any]) -> Builder:
    """Builder of an operator with an input, an output, and what is read from the attributes."""

    def build(case: Case) -> Built:
        attrs = case.entry["attrs"]
        given = (read(attrs) for read in fields)
        return _operator(name)(case.tensor("x"), case.output, *given), ["x"]

    return build


def _declared(kind: Any) -> Builder:
    """Builder of an ordinary operator, which says what else a record has."""
    if issubclass(kind, Broadcast):
        return lambda case: (kind(case.tensor("a"), case.tensor("b"), case.output), ["a", "b"])
    if issubclass(kind, Reduction):
        return _unary(kind.name, lambda attrs: tuple(sorted(attrs["axes"])))
    return _unary(
        kind.name, *(lambda attrs, name=name: attrs[name] for name in kind.form.attributes)
    )


def _window(attrs: dict[str, Any]) -> dict[str, Any]:
    top, bottom, left, right = attrs.get("pads", (0, 0, 0, 0))
    return {"pads": (top, left, bottom, right), "strides": tuple(attrs.get("strides", (1, 1)))}


def _pool(name: str) -> Builder:
    def build(case: Case) -> Built:
        attrs, x = case.entry["attrs"], case.tensor("x")
        kernel = tuple(attrs.get("kernel_shape", x.shape[1:3]))
        return _operator(name)(x=x, y=case.output, kernel=kernel, **_window(attrs)), ["x"]

    return build


def _weighted(name: str) -> Builder:
    """Builder of a convolution or a Gemm."""

    def build(case: Case) -> Built:
        attrs = case.entry["attrs"]
        tensors = {name: case.tensor(name) for name in ("x", "w", "b") if name in case.arrays}
        activation = attrs["activation"].lower()
        fields = dict[str, Any](b=None, y=case.output, activation=activation) | tensors
        if name != "gemm":
            fields |= {**_window(attrs), "dilations": tuple(attrs["dilations"])}
        return _operator(name)(**fields), list(tensors)

    return build


def _lut(case: Case) -> Built:
    step = int(case.entry["attrs"].get("step", 1))
    return Lut(case.tensor("x"), case.output, "", step), ["x", "table"]


def _prelu(case: Case) -> Built:
    steepest = int(np.abs(case.arrays["alpha"].astype(np.int32)).max())
    x, alpha = case.tensor("x"), case.tensor("alpha")
    return Prelu(x, case.output, alpha, steepest), ["x", "alpha"]


def _softmax(case: Case) -> Built:
    x = case.tensor("x")
    return Softmax(x, case.output, case.entry["attrs"]["axis"] % len(x.shape)), ["x"]


def _matmul(case: Case) -> Built:
    return Matmul(case.tensor("a"), case.tensor("b"), case.output), ["a", "b"]


def _concat(case: Case) -> Built:
    parts = case.tensor("a"), case.tensor("b")
    return Concat(parts, case.output, case.entry["attrs"]["axis"]), ["a", "b"]


def _pad(case: Case) -> Built:
    attrs, rank = case.entry["attrs"], len(case.output.shape)
    before, after = tuple(attrs["pads"][:rank]), tuple(attrs["pads"][rank:])
    value = attrs.get("value", 0)
    return Pad(case.tensor("x"), case.output, before, after, attrs["mode"], value), ["x"]


BUILDERS: dict[str, Builder] = {
    **{kind.name: _declared(kind) for kind in declared() if kind.name},
    **dict.fromkeys(("avgpool", "global_avgpool"), _pool("average_pool2d")),
    "clip": _unary("clip", lambda attrs: attrs["min"], lambda attrs: attrs["max"]),
    "concat": _concat,
    "conv2d": _weighted("conv2d"),
    "depthwise_conv2d": _weighted("depthwise_conv2d"),
    "dequantize": _unary("dequantize"),
    "gemm": _weighted("gemm"),
    "lut": _lut,
    "matmul": _matmul,
    "maxpool": _pool("max_pool2d"),
    "pad": _pad,
    "prelu": _prelu,
    "quantize": _unary("quantize"),
    "requantize": _unary("requantize"),
    "resize_linear": _unary("resize_linear", lambda attrs: attrs["coordinate"]),
    "resize_nearest": _unary("resize_nearest", lambda attrs: attrs["coordinate"]),
    "slice": _unary(
        "slice", lambda attrs: tuple(attrs["starts"]), lambda attrs: tuple(attrs["steps"])
    ),
    "softmax": _softmax,
    "transpose": _unary("transpose", lambda attrs: tuple(attrs["perm"])),
}


def operator_of(case: Case) -> Built | None:
    """The record of a case and the names of its arrays in the order of the call.

    Returns None for an operator that this package does not have.
    """
    build = BUILDERS.get(case.operator)
    return None if build is None else build(case)
