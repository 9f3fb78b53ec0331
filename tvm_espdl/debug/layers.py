"""What the calls of a program are to a user: their numbers, the model's nodes, the axes' names."""

from __future__ import annotations

from dataclasses import dataclass

from ..ops import Operator
from ..ops.base.unary import Elementwise
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..ops.transpose import Transpose
from ..program import Program, Step


@dataclass(frozen=True)
class Layer:
    """A call of the network.

    Attributes
    ----------
    number : int
        In the order of execution, from 0.
    operator : str
        What is called.
    tensor : str
        Its (first) result, by the program's name.
    nodes : tuple of str
        Names of the model's nodes that it computes; none where the compiler has added it.
    """

    number: int
    operator: str
    tensor: str
    nodes: tuple[str, ...] = ()

    def __str__(self) -> str:
        nodes = f" ({', '.join(self.nodes)})" if self.nodes else ""
        return f"layer {self.number}, {self.operator}{nodes}"


def layers_of(program: Program) -> tuple[Layer, ...]:
    """Every call of a program."""
    of_tensor: dict[str, list[str]] = {}
    for node in program.nodes:
        for tensor in (node.tensor, *node.others):
            of_tensor.setdefault(tensor, []).append(node.name or f"{node.type} of {node.tensor}")
    return tuple(
        Layer(number, step.operator.name, step.outputs[0], _nodes(step, of_tensor))
        for number, step in enumerate(program.steps)
    )


def _nodes(step: Step, of_tensor: dict[str, list[str]]) -> tuple[str, ...]:
    if isinstance(step.operator, (Quantize, Dequantize)):
        return ()
    tensors = (*step.covers, *step.outputs)
    return tuple(dict.fromkeys(name for tensor in tensors for name in of_tensor.get(tensor, ())))


def axes_of(program: Program) -> dict[str, str]:
    """Names of axes, `NHWC` and the like, of those values whose layout is known."""
    found: dict[str, str] = {}
    for step in program.steps:
        if isinstance(step.operator, Operator) and step.operator.channels_last:
            found |= {name: _last(program, name) for name in (*step.inputs, *step.outputs)}
    for name, origin in program.origins.items():
        rank = len(program.values[name].shape) if name in program.values else 0
        if [axes for _, axes in origin.turns] == [(0, rank - 1, *range(1, rank - 1))]:
            found[name] = _last(program, name)
    before: dict[str, str] = {}
    while before != found:
        before = dict(found)
        for step in program.steps:
            _spread(step, program, found)
    return {name: axes for name, axes in found.items() if axes}


def _last(program: Program, name: str) -> str:
    return {3: "NWC", 4: "NHWC"}.get(len(program.values[name].shape), "")


def _spread(step: Step, program: Program, found: dict[str, str]) -> None:
    """Give a layout to the other side of a call that keeps or transposes it."""
    operator, (*_, result) = step.operator, step.outputs
    if isinstance(operator, Transpose):
        (source,) = step.inputs
        if source in found:
            found.setdefault(result, "".join(found[source][axis] for axis in operator.axes))
        elif result in found:
            back = (operator.axes.index(axis) for axis in range(len(operator.axes)))
            found[source] = "".join(found[result][axis] for axis in back)
        return
    alike = isinstance(operator, Elementwise) or getattr(operator, "header", "") == "broadcast"
    shape = program.values[result].shape
    names = [n for n in (*step.inputs, result) if n in program.values]
    same = [name for name in names if program.values[name].shape == shape]
    known = [found[name] for name in same if name in found]
    if alike and known:
        for name in same:
            found.setdefault(name, known[0])
