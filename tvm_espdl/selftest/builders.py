"""From golden cases to operator records.

`BUILDERS` is a table from the index's name of an operator to a function that makes the record of a
case and names its arrays in the order of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..ops import Operator, operators
from ..ops.base.broadcast import Broadcast
from ..ops.base.reduction import Reduction
from ..ops.base.registry import declared
from .golden import Case

Built = tuple[Operator, list[str]]
Fields = Mapping[str, Any]


def _made(name: str, *tensors: Any, **fields: Any) -> Operator:
    kind: Any = operators()[name]
    record: Operator = kind(*tensors, **fields)
    return record


def _of_x(name: str, fields: Callable[[Fields], Fields] = lambda _: {}) -> Callable[[Case], Built]:
    """Builder of an operator with one input, and `fields` of the case's attributes."""

    def build(case: Case) -> Built:
        given = fields(case.entry["attrs"])
        return _made(name, x=case.tensor("x"), y=case.output, **given), ["x"]

    return build


def _declared(kind: Any) -> Callable[[Case], Built]:
    """Builder of an ordinary operator, which says what else its record has."""
    if issubclass(kind, Broadcast):
        return lambda case: (kind(case.tensor("a"), case.tensor("b"), case.output), ["a", "b"])
    if issubclass(kind, Reduction):
        return _of_x(kind.name, lambda attrs: {"axes": tuple(sorted(attrs["axes"]))})
    return _of_x(kind.name, lambda attrs: {name: attrs[name] for name in kind.form.attributes})


def _lut(case: Case) -> Built:
    lut, _ = _of_x("lut", lambda attrs: {"step": int(attrs.get("step", 1))})(case)
    return lut, ["x", "table"]


def _prelu(case: Case) -> Built:
    steepest = int(np.abs(case.arrays["alpha"].astype(np.int32)).max())
    x, alpha = case.tensor("x"), case.tensor("alpha")
    return _made("prelu", x, case.output, alpha, steepest), ["x", "alpha"]


def _softmax(case: Case) -> Built:
    rank = case.arrays["x"].ndim
    return _of_x("softmax", lambda attrs: {"axis": attrs["axis"] % rank})(case)


def _concat(case: Case) -> Built:
    parts = case.tensor("a"), case.tensor("b")
    return _made("concat", parts, case.output, case.entry["attrs"]["axis"]), ["a", "b"]


def _pad(attrs: Fields) -> Fields:
    pads, rank = tuple(attrs["pads"]), len(attrs["pads"]) // 2
    mode, value = attrs["mode"], attrs.get("value", 0)
    return {"before": pads[:rank], "after": pads[rank:], "mode": mode, "value": value}


def _slice(attrs: Fields) -> Fields:
    return {"starts": tuple(attrs["starts"]), "steps": tuple(attrs["steps"])}


def _pool(name: str) -> Callable[[Case], Built]:
    def build(case: Case) -> Built:
        kernel = case.arrays["x"].shape[1:3]  # of a global pool
        return _of_x(name, lambda attrs: {"kernel": kernel, **_window(attrs)})(case)

    return build


def _window(attrs: Fields) -> dict[str, Any]:
    """The fields of a window that a case states; its pads are top, bottom, left, right."""
    top, bottom, left, right = attrs.get("pads", (0, 0, 0, 0))
    names = {"kernel_shape": "kernel", "strides": "strides", "dilations": "dilations"}
    given = {field: tuple(attrs[name]) for name, field in names.items() if name in attrs}
    return {**given, "pads": (top, left, bottom, right)}


def _weighted(name: str) -> Callable[[Case], Built]:
    """Builder of an operator with weights, perhaps a bias, and a fused activation."""

    def build(case: Case) -> Built:
        names: list[str] = [name for name in ("x", "w", "b") if name in case.arrays]
        attrs: dict[str, Any] = case.entry["attrs"]
        window = {} if name == "gemm" else _window(attrs)
        window.pop("kernel", None)
        tensors = {"b": None, **{name: case.tensor(name) for name in names}}
        activation = attrs["activation"].lower()
        return _made(name, **tensors, y=case.output, activation=activation, **window), names

    return build


def _matmul(case: Case) -> Built:
    return _made("matmul", case.tensor("a"), case.tensor("b"), case.output), ["a", "b"]


BUILDERS: dict[str, Callable[[Case], Built]] = {
    **{kind.name: _declared(kind) for kind in declared() if kind.name},
    **{name: _of_x(name) for name in ("dequantize", "quantize", "requantize")},
    **{name: _weighted(name) for name in ("conv2d", "depthwise_conv2d", "gemm")},
    "avgpool": _pool("average_pool2d"),
    "clip": _of_x("clip", lambda attrs: {"low": attrs["min"], "high": attrs["max"]}),
    "concat": _concat,
    "global_avgpool": _pool("average_pool2d"),
    "lut": _lut,
    "matmul": _matmul,
    "maxpool": _pool("max_pool2d"),
    "pad": _of_x("pad", _pad),
    "prelu": _prelu,
    "resize_linear": _of_x("resize_linear", lambda attrs: {"coordinates": attrs["coordinate"]}),
    "resize_nearest": _of_x("resize_nearest", lambda attrs: {"coordinates": attrs["coordinate"]}),
    "slice": _of_x("slice", _slice),
    "softmax": _softmax,
    "transpose": _of_x("transpose", lambda attrs: {"axes": tuple(attrs["perm"])}),
}


def operator_of(case: Case) -> Built | None:
    """The record of a case and the names of its arrays in the order of the call.

    Returns None for an operator that this package does not have.
    """
    build = BUILDERS.get(case.operator)
    return None if build is None else build(case)
