"""A float network with the exponents of a file, and what both sorts of files need to get there.

Must never know the form of a file.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from onnx import ModelProto

from ...chips import Chip
from ...errors import DataError, ModelError
from ...onnx_graphs.constant_nodes import constants_to_initializers
from ...onnx_graphs.graph import Graph
from ...onnx_graphs.opset import raise_opset
from ...onnx_graphs.rewriting import opset_of
from ..channel_scaling import Scaling
from ..exponents import Integers
from ..layer_exponents import LayerExponents
from ..masks import additive_masks
from ..plan import Plan, make_plan
from ..qdq import write_qdq
from ..recurrent import name_states
from ..settled_exponents import Assignment, SettledExponents
from ..sharing import Member, Sharing
from .record import SavedExponents
from .saving import saved_of

#: Names that an error lists.
SHOWN = 3


@dataclass(frozen=True, eq=False)
class Applied:
    """A network with its exponents."""

    model: ModelProto  #: The float network, preprocessed, its channels scaled where the file says.
    plan: Plan
    assignment: Assignment
    scaling: Scaling = field(default_factory=dict)  #: How its channels were scaled.
    notes: tuple[str, ...] = ()  #: What the user should know.

    def write(self, chip: Chip) -> ModelProto:
        """The QDQ model, its Clips absorbed where saturation does their work."""
        plan = self.plan.absorb_clips(self.assignment.tensors)
        return write_qdq(self.model, plan, self.assignment, chip)

    def saved(self, chip: Chip) -> SavedExponents:
        """What a file of exponents says of it."""
        return saved_of(self.model, self.plan, self.assignment, self.scaling, chip)


def network_of(prepared: ModelProto, opset: int, file: str) -> ModelProto:
    """The network as the quantizer plans it, in operator set `opset`; `prepared` is left as it is.

    Raises ModelError if it has a higher one.
    """
    model = additive_masks(name_states(prepared))
    if opset_of(model) > opset:
        raise ModelError(
            "the exponents belong to a network of another ONNX operator set",
            where=file,
            found=f"operator set {opset_of(model)}",
            allowed=f"operator set {opset} or below",
            try_="quantize the file that the exponents were saved of",
        )
    if opset_of(model) < opset:
        model = raise_opset(model, opset)
        constants_to_initializers(model)
    return model


def plan_of(model: ModelProto, floats: Mapping[int, str]) -> Plan:
    """The plan of a network some nodes of which stay float, for the reasons given.

    Raises ModelError if nothing is left to quantize.
    """
    plan = make_plan(Graph(model), floats)
    if not plan.rules:
        raise ModelError(
            "the network holds no operator that can be quantized",
            where="the model",
            found=f"{len(plan.graph.nodes)} nodes, all float",
            allowed="operators such as Conv, Gemm, Add, Relu, in float32 with constant weights",
        )
    return plan


def with_wide_inputs(plan: Plan, wide: Collection[str]) -> Plan:
    """The plan in which those of some tensors that no integer operator makes are int16."""
    cells = plan.cells
    makers = {name: plan.graph.producer(name) for name in wide}
    inputs = (
        name
        for name, maker in makers.items()
        if name not in cells and (maker is None or not plan.makes_integers(maker))
    )
    return replace(plan, wide_inputs=frozenset(inputs))


def settled(
    plan: Plan,
    sharing: Sharing,
    group: dict[Member, int],
    weights: Mapping[int, Integers],
    chip: Chip,
    *,
    per_channel: bool,
) -> Assignment:
    """All exponents, from those of groups and of weights, within what kernels can compute."""
    layers = [
        LayerExponents(layer, plan, chip, per_channel=per_channel, product=None)
        for layer in plan.layers()
    ]
    for layer in layers:
        layer.own = weights.get(layer.layer.node, layer.own)
    return SettledExponents(plan, sharing, group, layers, per_channel=per_channel).result()


def channel_count(plan: Plan, node: int) -> int:
    """How many exponents the weights of a layer may have beside one."""
    layer = next(layer for layer in plan.layers() if layer.node == node)
    weight = plan.graph.constant(layer.weight)
    return 1 if layer.channel_axis is None else int(weight.shape[layer.channel_axis])


def integers_of(exponents: Iterable[int]) -> Integers:
    """Exponents as the quantizer holds them: int64 (C,)."""
    return np.array([*exponents], dtype=np.int64)


def unknown(kind: str, name: str, known: Iterable[str], file: str) -> DataError:
    """The error of a name that the network does not have."""
    near = difflib.get_close_matches(name, [*known], SHOWN, 0.0)
    return DataError(
        f"the network has no such {kind}",
        where=file,
        found=repr(name),
        allowed=", ".join(map(repr, near)) + ", ..." if near else f"none: it has no {kind}",
        try_="give the float model, and the options of preprocessing, that the file was saved with",
    )


def missing(kind: str, names: Collection[str], file: str, try_: str) -> DataError:
    """The error of names that the file does not have."""
    shown = [repr(name) for name in [*names][:SHOWN]]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return DataError(
        f"the file lacks a {kind} of the network",
        where=file,
        found=f"nothing of {', '.join(shown)}{more}",
        allowed=f"every {kind} of the network",
        try_=try_,
    )
