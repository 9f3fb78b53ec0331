"""Why TVM compiles what no pattern has met: there is no such operator, or it is not quantized.

It reads a program; it never looks into a function of TVM, only at its name and types.
"""

from __future__ import annotations

from ..ops import Refusal
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..program import Native, Node, Program, Step
from .log import HAS_AN_OPERATOR, IS_A_QUANTIZED_FORM, Reason
from .onnx_types import types_with_operator


def reasons_of_functions(program: Program, explained: set[str]) -> list[Reason]:
    """One reason for each function of TVM.

    Parameters
    ----------
    program : Program
        With the nodes of the model, where the importer has kept them.
    explained : set of str
        Tensors for which a pattern has given its own reason: their functions are left out.
    """
    named = {tensor: node for node in program.nodes for tensor in (node.tensor, *node.others)}
    calls = {
        tensor
        for step in program.steps
        if not isinstance(step.operator, (Quantize, Dequantize))  # They bear others' names.
        for tensor in (*step.covers, *step.outputs)
    }
    inner = [node for node in program.nodes if calls.isdisjoint((node.tensor, *node.others))]
    reasons = []
    for step in program.steps:
        if not isinstance(step.operator, Native):
            continue
        last = [named[tensor] for tensor in (*step.covers, *step.outputs) if tensor in named]
        ends = list(dict.fromkeys(last))
        nodes = [*_fused(step.operator.name, inner, ends), *ends]
        if not _results(program, step) & explained:
            refusal = step.operator.reason or _refusal(step.operator, nodes)
            reasons.append(Reason(step.outputs[0], step.operator.name, refusal))
    return reasons


def _fused(function: str, inner: list[Node], ends: list[Node]) -> list[Node]:
    """The nodes whose types a function's name has beside those of `ends`; they leave `inner`.

    TVM fuses several nodes into one function, which keeps the tensor of the last one only.
    """
    words, found = function.split("_"), []
    for node in (*ends, *inner):
        word = node.type.lower()
        if word in words:
            words.remove(word)
            found += [] if node in ends else [node]
    inner[:] = [node for node in inner if node not in found]
    return found


def _refusal(function: Native, nodes: list[Node]) -> Refusal:
    lacking = [node for node in nodes if node.type not in types_with_operator()]
    if lacking:
        return HAS_AN_OPERATOR.refused(", ".join(map(_called, lacking)))
    types = [
        " and ".join(dict.fromkeys(tensor.dtype for tensor in tensors)) or "nothing"
        for tensors in (function.inputs, function.outputs)
    ]
    found = ", ".join(map(_called, nodes)) or function.name
    return IS_A_QUANTIZED_FORM.refused(f"{found} from {types[0]} to {types[1]}")


def _called(node: Node) -> str:
    return f"{node.name or node.tensor} ({node.type})"


def _results(program: Program, step: Step) -> set[str]:
    """What a function of TVM computes, through further ones up to the next integers."""
    results = {*step.outputs, *step.covers}
    for reader in program.steps:
        if results.intersection(reader.inputs) and isinstance(reader.operator, (Native, Quantize)):
            results |= {*reader.outputs, *reader.covers}
    return results
