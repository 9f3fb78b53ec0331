"""Cuts a part out of a network, by the names of tensors where it begins and where it ends.

Must never change what the part computes, nor the model it is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

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
        `inputs`, or an output is one of these.
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
