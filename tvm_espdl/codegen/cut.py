"""Where to end a network whose next function of TVM cannot become C: the advice of that refusal.

It reads a program; it cuts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ops.dequantize import Dequantize
from ..program import Node, Program, Step


@dataclass(frozen=True)
class Cut:
    """Words for an error."""

    #: The node of the model, with its operator and its result.
    where: str
    #: Which tensors the network should give instead, and how.
    try_: str


def cut_before(program: Program, step: Step) -> Cut:
    """How to end a network before one of its steps."""
    made_by = {name: other for other in program.steps for name in other.outputs}
    before = [made_by[name] for name in dict.fromkeys(step.inputs) if name in made_by]
    tensors = ", ".join(_tensor(program, made_by, other) for other in before)
    if tensors:
        advice = (
            f"end the network before it: cut the model so that it gives {tensors} "
            "(`onnx.utils.extract_model` does that), and let the application compute the rest"
        )
    else:
        advice = "let the application compute it, and give the network its result"
    where, node = f"tensor {step.outputs[0]!r}", _node(program, step)
    if node is not None:
        where = f"node {node.name!r} ({node.type}), which computes {node.tensor!r}"
    return Cut(where, f"{advice}; on the PC the library runs all of it")


def _node(program: Program, step: Step) -> Node | None:
    """The model's node, by a tensor that the step computes or by an output of the network."""
    given = {
        name
        for value, name in zip(program.outputs, program.output_names, strict=False)
        if value in step.outputs
    }
    tensors = {*step.covers, *step.outputs, *given}
    nodes = [node for node in program.nodes if tensors.intersection((node.tensor, *node.others))]
    return nodes[-1] if nodes else None


def _tensor(program: Program, made_by: dict[str, Step], step: Step) -> str:
    """The model's name of what a step computes, in quotes; real numbers by that of integers."""
    if isinstance(step.operator, Dequantize) and step.inputs[0] in made_by:
        integers = _tensor(program, made_by, made_by[step.inputs[0]])
        return f"{integers} (in a QDQ model: what the DequantizeLinear behind it gives)"
    node = _node(program, step)
    return repr(node.tensor if node is not None else step.outputs[0])
