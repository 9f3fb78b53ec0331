"""From golden cases to calls of operators, by the index's name of an operator.

Most are derived from the record: its tensors are the case's arrays of their names, its other fields
attributes. Layers with several results, and what is kept between runs, are in `sequences`. Nothing
is run here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..chips import FAMILIES, find_chip
from ..ops import Operator, operators
from ..ops.base.rounding import Array
from ..ops.base.window import Pair
from ..ops.clip import Clip
from ..ops.concat import Concat
from ..ops.insert_zeros import InsertZeros
from ..ops.lp_norm import LpNorm
from ..ops.lut import Lut
from ..ops.pad import Pad
from ..ops.prelu import Prelu
from ..ops.reshape import Reshape
from ..ops.space_to_depth import SpaceToDepth
from . import sequences
from .golden import Case
from .trial import Trial, trial

#: The record of a case and the arrays of its call by name, in order.
Built = tuple[Operator, dict[str, Array]]
Builder = Callable[[Case], Built]

_COORDINATES = ("coordinate", "coordinate_transformation_mode")
#: What attributes are called in a case beside the field's own name.
ATTRIBUTES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "depth_to_space": {"block": ("blocksize",)},
    "resize_linear": {"coordinates": _COORDINATES},
    "resize_nearest": {"coordinates": _COORDINATES, "rounding": ("nearest_mode",)},
    "transpose": {"axes": ("perm",)},
}
#: Fields whose default a case must not leave open: nodes have others, or none.
REQUIRED = ("axis", "axes", "block", "starts", "steps")


def _derived(kind: type[Operator]) -> Builder:
    """Builder of an operator whose record says all there is."""

    def build(case: Case) -> Built:
        tensors = (*kind.input_fields, *kind.constant_fields)
        given = {name: case.array(name) for name in tensors if case.has(name)}
        fields: dict[str, Any] = {name: case.tensor(name) for name in given}
        for field in dataclasses.fields(kind):
            if field.name == "y":
                fields["y"] = case.output
            elif field.name not in fields:
                fields[field.name] = _field(case, kind, field, field.name in tensors)
        return kind(**fields), given

    return build


def _field(case: Case, kind: type[Operator], field: dataclasses.Field[Any], tensor: bool) -> Any:
    """What a field holds that is no tensor of the case: an attribute, a default, None."""
    if tensor:
        if "None" not in str(field.type):
            case.array(field.name)  # which is missing, and said to be
        return None
    if field.name.endswith("_is_constant"):
        return field.name.removesuffix("_is_constant") in case.entry.get("constants", ())
    names = (*ATTRIBUTES.get(kind.name, {}).get(field.name, ()), field.name)
    name = next((n for n in names if n in case.entry.get("attrs", {})), names[0])
    known = field.name in REQUIRED or field.default is dataclasses.MISSING
    value = case.attribute(name, *(() if known else (field.default,)))
    if field.name == "activation":
        return str(value).lower()
    if field.name == "axis" or (field.name == "axes" and name == "axes"):
        rank = len(case.array("x").shape)
        if field.name == "axis":
            return case.from_front(value, rank)
        return tuple(sorted(case.from_front(axis, rank) for axis in value))
    return value


def _window(case: Case) -> dict[str, Any]:
    """Pads and strides of rows and columns; a signal is an image of one row."""
    pads, strides = case.attribute("pads", ()), case.attribute("strides", (1, 1))
    if len(pads) == 2:
        top, left, bottom, right = 0, pads[0], 0, pads[1]
    elif case.attribute("pads_order", "") == "top,bottom,left,right":
        top, bottom, left, right = pads
    else:
        top, left, bottom, right = pads or (0, 0, 0, 0)
    return {"pads": (top, left, bottom, right), "strides": _pair(strides)}


def _pair(values: tuple[int, ...], one: int = 1) -> Pair:
    """Of rows and columns; a signal has one row."""
    rows, columns = (one, *values)[-2:]
    return rows, columns


def _pool(name: str) -> Builder:
    def build(case: Case) -> Built:
        x = case.tensor("x")
        kernel = _pair(case.attribute("kernel_shape", x.shape[1:-1]))
        fields = {"x": x, "y": case.output, "kernel": kernel, **_window(case)}
        return operators()[name](**fields), {"x": case.array("x")}

    return build


def _weighted(name: str) -> Builder:
    """Builder of a convolution or a Gemm."""

    def build(case: Case) -> Built:
        given = {name: case.array(name) for name in ("x", "w", "b") if name != "b" or case.has("b")}
        fields: dict[str, Any] = {"b": None, **{name: case.tensor(name) for name in given}}
        fields |= {"y": case.output, "activation": case.attribute("activation", "linear").lower()}
        if name != "gemm":
            dilations = _pair(case.attribute("dilations", (1, 1)))
            fields |= {**_window(case), "dilations": dilations}
        return operators()[name](**fields), given

    return build


def _lut(case: Case) -> Built:
    x, table = case.array("x"), case.array("table")
    step = 1 if x.dtype == np.int8 else case.attribute("step", (1 << 16) // max(table.size - 1, 1))
    return Lut(case.tensor("x"), case.output, "", int(step)), {"x": x, "table": table}


def _prelu(case: Case) -> Built:
    alpha = case.array("alpha")
    steepest = int(np.abs(alpha.astype(np.int32)).max(initial=0))
    record = Prelu(case.tensor("x"), case.output, case.tensor("alpha"), steepest)
    return record, {"x": case.array("x"), "alpha": alpha}


def _concat(case: Case) -> Built:
    names = list(case.entry["inputs"])
    parts, axis = tuple(map(case.tensor, names)), case.axis(len(case.output.shape))
    record = Concat(parts, case.output, axis)
    return record, {name: case.array(name) for name in names}


def _pad(case: Case) -> Built:
    rank, pads = len(case.output.shape), case.attribute("pads")
    if len(pads) != 2 * rank:
        raise case.refuse("widths of another number of axes", pads, f"{2 * rank} of them")
    mode, value = case.attribute("mode", "constant"), case.attribute("value", 0)
    record = Pad(case.tensor("x"), case.output, pads[:rank], pads[rank:], mode, value)
    return record, {"x": case.array("x")}


def _insert_zeros(case: Case) -> Built:
    x = case.tensor("x")
    # One stride for all axes is possible.
    strides, tail = (
        values * (len(x.shape) - 2) if len(values) == 1 else values
        for values in (case.attribute("stride"), case.attribute("output_padding", (0,)))
    )
    record = InsertZeros(x, case.output, _pair(strides), _pair(tail, 0))
    return record, {"x": case.array("x")}


def _clip(case: Case) -> Built:
    """A side without a limit is open."""
    limits = case.attribute("min", -(1 << 31)), case.attribute("max", (1 << 31) - 1)
    return Clip(case.tensor("x"), case.output, *limits), {"x": case.array("x")}


def _space_to_depth(case: Case) -> Built:
    block = case.attribute("blocksize")
    return SpaceToDepth(case.tensor("x"), case.output, block, "CRD"), {"x": case.array("x")}


def _lp_norm(case: Case) -> Built:
    """Any p but 1 is 2 to the chip."""
    x = case.tensor("x")
    axis, p = case.axis(len(x.shape)), case.attribute("p", 2)
    return LpNorm(x, case.output, axis, 1 if p == 1 else 2), {"x": case.array("x")}


def _reshape(case: Case) -> Built:
    return Reshape(case.tensor("x"), case.output), {"x": case.array("x")}


_DERIVED = {name: _derived(kind) for name, kind in operators().items()}
BUILDERS: dict[str, Builder] = {
    **_DERIVED,
    **dict.fromkeys(
        ("avgpool", "avgpool_1d", "global_avgpool", "global_avgpool_1d", "average_pool2d"),
        _pool("average_pool2d"),
    ),
    **dict.fromkeys(
        ("maxpool", "maxpool_1d", "global_maxpool", "global_maxpool_1d", "max_pool2d"),
        _pool("max_pool2d"),
    ),
    **{
        name: _weighted(name)
        for name in ("conv1d", "conv2d", "depthwise_conv1d", "depthwise_conv2d", "gemm")
    },
    "clip": _clip,
    **dict.fromkeys(("concat", "concat_many"), _concat),
    **dict.fromkeys(("gelu", "lut"), _lut),
    **dict.fromkeys(("flatten", "identity", "reshape", "squeeze", "unsqueeze"), _reshape),
    "insert_zeros": _insert_zeros,
    "lp_norm": _lp_norm,
    "pad": _pad,
    "prelu": _prelu,
    "space_to_depth": _space_to_depth,
}


def trials_of(case: Case, family: str) -> list[Trial] | None:
    """The calls of a case on the chips of a family, none where it is not of them.

    Returns None for an operator that this package does not have.

    Raises
    ------
    DataError
        If an attribute or array is missing, or does not fit the operator; it names the case.
    """
    known = case.operator in BUILDERS or case.operator in sequences.BUILDERS
    if not known or case.expected(family) is None:
        return [] if known else None
    try:
        if case.operator in sequences.BUILDERS:
            trials = sequences.BUILDERS[case.operator](case, family)
        else:
            operator, arrays = BUILDERS[case.operator](case)
            expected = case.expected(family)
            assert expected is not None
            trials = [trial(case, operator, arrays, expected)]
        for one in trials:
            one.operator.refusals(find_chip(FAMILIES[family]))  # no rule meets a contradiction
        return trials
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise case.refuse("the vector contradicts itself", str(error) or repr(error)) from error
