"""Cuts a part out of a network, by the names of tensors where it begins and where it ends.

Must never change what the part computes, nor the model it is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

import onnx
from onnx import ModelProto
from onnx.utils import Extractor

from ..errors import ModelError
from ..onnx_graphs.rewriting import infer


def cut(model: ModelProto, inputs: Sequence[str], outputs: Sequence[str]) -> ModelProto:
    """The part of a network between tensors.

    Parameters
    ----------
    inputs, outputs : sequence of str
        Where it begins and ends; none for the network's own.

    Raises
    ------
    ModelError
        If there is no such tensor, the outputs depend on an input of the network that is not among
        `inputs`, an output is one of these or of the network's own, or one is a constant.
    """
    if not inputs and not outputs:
        return model
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    infer(whole)
    graph = whole.graph
    constants = {tensor.name for tensor in graph.initializer}
    own = [value.name for value in graph.input if value.name not in constants]
    made = [name for node in graph.node for name in node.output if name]
    _refuse_uncomputed(inputs, outputs, own, constants)
    _check("inputs", inputs, [*own, *made])
    _check("outputs", outputs, made)
    begin = [*dict.fromkeys(inputs or own)]
    end = [*dict.fromkeys(outputs or (value.name for value in graph.output))]
    begin = [name for name in begin if name in _needed(whole, end, set(begin))]
    missing = sorted(_needed(whole, end, set(begin)).intersection(own) - set(begin))
    if missing:
        raise ModelError(
            "the part depends on an input that it does not have",
            where="option inputs",
            found=", ".join(map(repr, missing)),
            allowed="inputs that all outputs follow from",
            try_=f"--inputs {','.join([*begin, *missing])}",
        )
    nothing = sorted({*end}.intersection(begin))
    if nothing:
        raise ModelError(
            "nothing is computed between a tensor and itself",
            where="options inputs and outputs",
            found=", ".join(map(repr, nothing)),
            allowed="outputs that are none of the inputs",
        )
    return Extractor(whole).extract_model(begin, end)


def _needed(model: ModelProto, outputs: Sequence[str], inputs: set[str]) -> set[str]:
    """Tensors that the outputs depend on, through none of `inputs`."""
    makers = {name: node for node in model.graph.node for name in node.output}
    found: set[str] = set()
    waiting = [*outputs]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name not in inputs and name in makers:
            waiting.extend(makers[name].input)
    return found


def _refuse_uncomputed(
    inputs: Sequence[str], outputs: Sequence[str], own: Sequence[str], constants: Collection[str]
) -> None:
    """Refuse constants at both ends, and inputs of the network as outputs of a part of it."""
    kinds = (
        ("inputs", inputs, constants, "constants", "inputs and results of nodes"),
        ("outputs", outputs, constants, "constants", "results of nodes"),
        ("outputs", outputs, own, "inputs of the network", "results of nodes"),
    )
    for option, names, taken, what, allowed in kinds:
        if found := [name for name in names if name in taken]:
            raise ModelError(
                f"{option} of a part cannot be {what}",
                where=f"option {option}",
                found=", ".join(map(repr, found)),
                allowed=allowed,
            )


def _check(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            raise ModelError(
                "the model has no such tensor",
                where=f"option {option}",
                found=repr(name),
                try_=" or ".join(map(repr, near)) if near else "tvm-espdl check lists them",
            )
