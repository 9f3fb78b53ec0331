"""GRU and LSTM: their initial states, and which of their results are wanted.

The runtime writes all results, of which a call has one.
Source: ESP-DL `dl/module/include/dl_module_{gru,lstm}.hpp`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...ops import Tensor
from ...ops.base.recurrent import ALL, CELLS, LAST, Recurrent
from ...ops.base.rounding import Array
from ...ops.concat import Concat
from ...ops.gru import Gru
from ...ops.lstm import Lstm
from ...ops.reshape import Reshape
from ...ops.slice import Slice
from ..draft import Setting
from ..node_view import NodeView, Readers
from ..parts import MOST_AT_ONCE, Parts
from ..step_view import StepView, Writers
from ..types import Operand

X, W, R, B, INITIAL_H, INITIAL_C = 0, 1, 2, 3, 5, 6
Y, Y_H, Y_C = 0, 1, 2
NO_LENGTHS = ""


def read_gru(node: NodeView) -> None:
    """The runtime makes no module of one whose reset gate comes before the product."""
    if not node.integer("linear_before_reset", 0):
        node.leave("a reset gate before the product", "linear_before_reset 0", 1)
    _Layer(node, Gru).read()


def read_lstm(node: NodeView) -> None:
    """Peepholes, which no exporter writes, would be ignored by the chip."""
    if node.integer("input_forget", 0):
        node.leave("coupled gates", "input_forget 1", 0)
    _Layer(node, Lstm).read()


@dataclass(frozen=True)
class _Layer:
    """A node as a layer: its calls are those of its results that something reads."""

    node: NodeView
    kind: Callable[..., Recurrent]

    def read(self) -> None:
        """The layer, once for all hidden states, or once for each result."""
        self._check()
        operands = self._operands()
        wanted = list(filter(self._is_read, (Y, Y_H, Y_C)))
        if Y in wanted or not wanted:
            self._call(ALL, Y, operands)
            if Y_H in wanted:
                self._last_of_all()
        elif Y_H in wanted:
            self._call(LAST, Y_H, operands)
        if Y_C in wanted:
            self._call(CELLS, Y_C, operands)

    @property
    def _sizes(self) -> tuple[int, int, int]:
        """Steps, directions, elements of a hidden state."""
        x = self.node.tensor(X).shape
        steps = x[1] if self.node.integer("layout", 0) else x[0]
        directions, _, hidden = self.node.tensor(R).shape
        return steps, directions, hidden

    @property
    def _batch(self) -> int:
        x = self.node.tensor(X).shape
        return x[0] if self.node.integer("layout", 0) else x[1]

    def _check(self) -> None:
        node = self.node
        shapes = [node.tensor(place).shape for place in (X, W, R)]
        if any(len(shape) != 3 for shape in shapes):
            node.refuse("input and weights", shapes, "three dimensions each")
        batch_first = node.integer("layout", 0)
        batch = shapes[0][0 if batch_first else 1]
        if batch != 1 and (batch_first or not node.apart or batch > MOST_AT_ONCE):
            node.leave("a batch, of which the chip computes one sequence", batch, 1)
        if batch != 1:
            node.warn(
                f"The chip computes one sequence. Found: {batch}. Here it is one after the other."
            )
        direction = node.string("direction", "forward")
        _, directions, _ = self._sizes
        if directions != (2 if direction == "bidirectional" else 1):
            node.refuse("weights of other directions", directions, direction)
        if direction == "reverse":
            node.warn("the chip runs a reverse layer forward; the PC follows the chip")
        found = [node.types.of(name).exponent for name in self._states]
        if len(set(found)) > 1:
            node.leave("hidden states of several exponents", found, "one for all of them")

    @property
    def _states(self) -> list[str]:
        """The hidden states that the node names: all of them, the last ones."""
        return list(filter(None, self.node.node.outputs[: Y_H + 1]))

    def _is_read(self, place: int) -> bool:
        graph, name = self.node.graph, "".join(self.node.node.outputs[place : place + 1])
        leaves = any(value.name == name for value in graph.outputs)
        return name != "" and (leaves or any(name in node.inputs for node in graph.nodes))

    def _operands(self) -> list[Operand]:
        """Sequence and initial states, these brought into shape."""
        node, (_, directions, hidden) = self.node, self._sizes
        shape = (directions, self._batch, hidden)
        operands = [node.operand(X)]
        types = {INITIAL_H: dataclasses.replace(self._hidden, shape=shape)}
        if self.kind is Lstm:
            types[INITIAL_C] = Tensor("int16", shape, self._gate_exponent)
        for place, tensor in types.items():
            if not node.has(place):
                operands.append(np.zeros(shape, tensor.dtype))
                continue
            given = node.tensor(place)
            if given.size != tensor.size or dataclasses.replace(given, shape=shape) != tensor:
                node.leave("an initial state", given, tensor)
            if node.is_constant(place):
                operands.append(node.array(place).reshape(shape))
            elif given.shape == shape:
                operands.append(node.operand(place))
            else:
                name = f"{self._states[0]}_initial_{place}"
                node.call(Reshape(given, tensor), [node.operand(place)], output=name)
                operands.append(name)
        return operands

    @property
    def _hidden(self) -> Tensor:
        _, directions, hidden = self._sizes
        state = self.node.types.of(self._states[0])
        return Tensor(state.dtype, (directions, 1, hidden), state.exponent)

    @property
    def _gate_exponent(self) -> int:
        return self.node.integer("gate_exponent", -8)

    def _biases(self) -> tuple[Tensor, Array]:
        """At the gates' exponent, whatever the file says: the chip does not read it."""
        node = self.node
        directions, rows, _ = node.tensor(W).shape
        shape = (directions, 2 * rows)
        array = node.array(B) if node.has(B) else np.zeros(shape, np.int16)
        return Tensor(str(array.dtype), shape, self._gate_exponent), array

    def _call(self, gives: str, place: int, operands: list[Operand]) -> None:
        node, (steps, directions, hidden) = self.node, self._sizes
        b, biases = self._biases()
        batch, x, w, r = self._batch, node.tensor(X), node.tensor(W), node.tensor(R)
        last = (directions, batch, hidden)
        y = node.typed((steps, *last) if gives == ALL else last, place)
        one = dataclasses.replace(y, shape=(*y.shape[:-2], 1, hidden))
        if batch > 1:
            x = dataclasses.replace(x, shape=(steps, 1, x.shape[-1]))
        operator = self.kind(x, self._hidden, w, r, b, one, gives)
        weights = [node.array(W), node.array(R), biases]
        if batch == 1:
            node.call(operator, operands, weights, place=place)
        else:
            node.call_parts(_sequences(operator, y, weights), operands, place=place)

    def _last_of_all(self) -> None:
        """The last hidden state of each direction: at the end of the one, at the begin of two."""
        node, (steps, directions, hidden) = self.node, self._sizes
        name = node.output(Y)
        whole = node.types.of(name)
        batch = self._batch
        y = node.typed((directions, batch, hidden), Y_H)
        part = Tensor(whole.dtype, (1, 1, batch, hidden), whole.exponent)
        names = [f"{node.output(Y_H)}_{direction}" for direction in range(directions)]
        for direction, output in enumerate(names):
            start = (0 if direction else steps - 1, direction, 0, 0)
            node.call(Slice(whole, part, start, (1, 1, 1, 1)), [name], output=output)
        if directions == 2:
            both = Tensor(whole.dtype, (1, 2, batch, hidden), whole.exponent)
            joined = f"{node.output(Y_H)}_both"
            node.call(Concat((part, part), both, 1), names, output=joined)
            part, names = both, [joined]
        node.call(Reshape(part, y), names, place=Y_H)


def _sequences(one: Recurrent, y: Tensor, weights: Sequence[Array]) -> Parts:
    """The layer on each sequence of a batch, which is the axis in front of the last."""
    batch = y.shape[-2]
    parts, results = Parts(len(one.inputs)), []
    wholes = [dataclasses.replace(x, shape=(*x.shape[:-2], batch, x.shape[-1])) for x in one.inputs]
    for number in range(batch):
        cuts = [
            parts.add(Slice.along(whole, x, 1, number), place)
            for place, (whole, x) in enumerate(zip(wholes, one.inputs, strict=True))
        ]
        results.append(parts.add(one, *cuts, constants=weights))
    parts.joined(results, [one.y] * batch, y, len(y.shape) - 2)
    return parts


def write(step: StepView) -> None:
    """One layer; initial states of zeros are left out, as the runtime begins with them."""
    operator: Recurrent = step.operator
    given = zip("WRB", step.constants, operator.constants, strict=True)
    weights = [
        step.constant(what, array, tensor.shape, tensor.exponent) for what, array, tensor in given
    ]
    states = [
        step.operand(place) if array is None or array.any() else ""
        for place, array in enumerate(step.fixed[1:], 1)
    ]
    while states and not states[-1]:
        states.pop()
    shape = (operator.steps, 1, operator.input_size)
    sequence = step.reshaped("sequence", step.operand(0), operator.x, shape)
    inputs = [sequence, *weights, *([NO_LENGTHS, *states] if states else [])]
    lstm = isinstance(operator, Lstm)
    settings: dict[str, Setting] = {
        "direction": "bidirectional" if operator.directions == 2 else "forward",
        "gate_exponent": operator.gate_exponent,
        "hidden_size": operator.hidden_size,
        "layout": 0,
        "input_forget" if lstm else "linear_before_reset": 0 if lstm else 1,
    }
    # Results that are not asked for are values that nothing reads.
    shape = (operator.directions, 1, operator.hidden_size)
    types = {
        ALL: dataclasses.replace(operator.h, shape=(operator.steps, *shape)),
        LAST: dataclasses.replace(operator.h, shape=shape),
        **({CELLS: Tensor("int16", shape, operator.gate_exponent)} if lstm else {}),
    }
    outputs = [
        step.output if gives == operator.gives else step.between(gives, tensor)
        for gives, tensor in types.items()
    ]
    step.node("LSTM" if lstm else "GRU", inputs, settings, outputs=outputs)


READERS: Readers = {"GRU": read_gru, "LSTM": read_lstm}
WRITERS: Writers = {Gru.name: write, Lstm.name: write}
