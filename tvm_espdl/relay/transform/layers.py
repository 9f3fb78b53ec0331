"""Recurrent layers that the chip does not run, spelled out step by step in ordinary operators.

Float in, float out, as ONNX defines GRU, LSTM and RNN. Nothing else of a module is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tvm
from tvm import relax

from ..gate_functions import FUNCTIONS
from ..ir import (
    Rebuilder,
    bindings_of,
    dtype_of,
    is_plain_dataflow,
    main_of,
    name_of,
    named,
    shape_of,
)
from ..layers import REVERSE, Layer, arguments_of, layer_of

Step = Callable[[Any, list[Any]], list[Any]]
Function = Callable[[Any], Any]


def spell_layers(mod: tvm.IRModule) -> tvm.IRModule:
    """Replace every opaque call of a layer by the operators of its steps."""
    main = main_of(mod)
    if not is_plain_dataflow(main) or not any(layer_of(b.value) for b in bindings_of(main)):
        return mod

    def rewrite(rebuilder: Rebuilder, variable: relax.Var, value: relax.Expr) -> Any:
        layer = layer_of(value)
        if layer is None:
            return rebuilder.emit(rebuilder.expr(value), str(variable.name))
        arguments = [rebuilder.expr(argument) for argument in arguments_of(value)]
        result = _Spelled(layer, _Emitted(rebuilder)).result(arguments)
        return rebuilder.emit(named(result, name_of(value)), str(variable.name))

    return Rebuilder(mod).run(main, rewrite)


@dataclass(frozen=True, eq=False)
class _Emitted:
    """The operators of Relax, by their names, whose calls are emitted at once."""

    rebuilder: Rebuilder

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def emit(*arguments: Any) -> Any:
            return self.rebuilder.emit(getattr(relax.op, name)(*arguments))

        return emit

    def part(self, tensor: Any, axis: int, begin: int, count: int) -> Any:
        """So many indices of an axis."""
        return self.strided_slice(tensor, [axis], [begin], [begin + count], [1])

    def at(self, tensor: Any, axis: int, index: int) -> Any:
        """The part at an index of an axis, which is dropped."""
        return self.squeeze(self.part(tensor, axis, index, 1), [axis])


@dataclass(frozen=True, eq=False)
class _Spelled:
    layer: Layer
    op: _Emitted

    def result(self, arguments: list[Any]) -> Any:
        """The last call; all before it are emitted."""
        swap, op, layer = (1, 0, 2), self.op, self.layer
        x, w, r, b, *others = (op.rebuilder.emit(argument) for argument in arguments)
        peepholes = others.pop() if layer.has_peepholes else None
        lengths, states = others.pop() if layer.has_lengths else None, others
        if layer.batch_first:
            x, *states = (op.permute_dims(v, swap) for v in (x, *states))
        masks = None if lengths is None else self._masks(lengths, shape_of(x)[0])
        sequences, lasts = [], []
        for direction in range(shape_of(w)[0]):
            picked = [op.at(v, 0, direction) for v in (w, r, b, *states)]
            peeps = None if peepholes is None else op.at(peepholes, 0, direction)
            hidden, last = self._direction(direction, x, picked, peeps, masks)
            sequences.append(hidden)
            lasts.append(last[-1] if layer.gives == "cells" else last[0])
        if layer.gives != "all":
            return relax.op.stack(lasts, 1 if layer.batch_first else 0)
        if layer.batch_first:
            return relax.op.permute_dims(op.stack(sequences, 1), (2, 0, 1, 3))
        return relax.op.stack(sequences, 1)

    def _masks(self, lengths: Any, steps: int) -> list[Any]:
        """For each step, which sequences it belongs to, `(batch, 1)`."""
        op, dtype = self.op, dtype_of(lengths)
        column = op.reshape(lengths, (shape_of(lengths)[0], 1))
        return [op.greater(column, relax.const(t, dtype)) for t in range(steps)]

    def _direction(
        self, direction: int, x: Any, picked: list[Any], peepholes: Any, masks: list[Any] | None
    ) -> tuple[Any, list[Any]]:
        """All hidden states, `(steps, batch, hidden)`, and the states after the last step."""
        (w, r, b, *states), op = picked, self.op
        rows = shape_of(w)[0]
        w_bias, r_bias = (op.part(b, 0, side * rows, rows) for side in range(2))
        of_x = op.add(op.matmul(x, op.permute_dims(w)), w_bias)
        backward = direction == 1 or self.layer.direction == REVERSE
        functions = [self._function(*f) for f in self.layer.functions(direction)]
        if self.layer.kind == "lstm":  # onnxruntime does not clip the cells
            functions[2] = self._function(*self.layer.functions(direction)[2], is_clipped=False)
        if self.layer.kind == "lstm":
            step = self._lstm(r, r_bias, functions, peepholes)
        else:
            step = {"gru": self._gru, "rnn": self._rnn}[self.layer.kind](r, r_bias, functions)
        hidden: dict[int, Any] = {}
        for t in range(shape_of(x)[0])[:: -1 if backward else 1]:
            fresh = step(op.at(of_x, 0, t), states)
            if masks is None:
                hidden[t], states = fresh[0], fresh
            else:
                # Behind its end a sequence gives zeros, and its states stay.
                hidden[t] = op.where(masks[t], fresh[0], self._number(0, fresh[0]))
                states = [op.where(masks[t], *pair) for pair in zip(fresh, states, strict=True)]
        return op.stack([hidden[t] for t in sorted(hidden)], 0), states

    def _number(self, value: float, like: Any) -> Any:
        return relax.const(value, dtype_of(like))

    def _function(
        self, name: str, alpha: float, beta: float, *, is_clipped: bool = True
    ) -> Function:
        """A function of what is clipped first, emitted call by call."""
        limit = self.layer.clip if is_clipped else 0.0

        def apply(v: Any) -> Any:
            limited = self.op.clip(v, -limit, limit) if limit else v
            return self.op.rebuilder.emit(FUNCTIONS[name](limited, alpha, beta))

        return apply

    def _rnn(self, r: Any, bias: Any, functions: list[Function]) -> Step:
        product = self._product(r, bias, 0, shape_of(r)[1])
        return lambda of_x, states: [functions[0](self.op.add(of_x, product(states[0])))]

    def _gru(self, r: Any, bias: Any, functions: list[Function]) -> Step:
        op, size = self.op, shape_of(r)[1]
        split = 3 * size if self.layer.reset_after else 2 * size
        first = self._product(r, bias, 0, split)
        second = None if self.layer.reset_after else self._product(r, bias, split, 3 * size)
        of_gate, of_value = functions

        def step(of_x: Any, states: list[Any]) -> list[Any]:
            (h,) = states
            of_h = first(h)
            x_z, x_r, x_n = (op.part(of_x, 1, gate * size, size) for gate in range(3))
            h_z, h_r = (op.part(of_h, 1, gate * size, size) for gate in range(2))
            z, reset = of_gate(op.add(x_z, h_z)), of_gate(op.add(x_r, h_r))
            if second is None:
                h_n = op.multiply(reset, op.part(of_h, 1, 2 * size, size))
            else:
                h_n = second(op.multiply(reset, h))
            n = of_value(op.add(x_n, h_n))
            fresh = op.multiply(op.subtract(self._number(1, z), z), n)
            return [op.add(fresh, op.multiply(z, h))]

        return step

    def _lstm(self, r: Any, bias: Any, functions: list[Function], peepholes: Any) -> Step:
        op, size = self.op, shape_of(r)[1]
        product = self._product(r, bias, 0, 4 * size)
        of_gate, of_value, of_cells = functions
        peeps = [None if peepholes is None else op.part(peepholes, 0, n * size, size)
                 for n in range(3)]  # fmt: skip

        def step(of_x: Any, states: list[Any]) -> list[Any]:
            h, c = states
            total = op.add(of_x, product(h))
            i, o, f, g = (op.part(total, 1, gate * size, size) for gate in range(4))

            def gate(v: Any, peep: Any, cells: Any) -> Any:
                return of_gate(v if peep is None else op.add(v, op.multiply(peep, cells)))

            i = gate(i, peeps[0], c)
            one = self._number(1, i)
            f = op.subtract(one, i) if self.layer.is_coupled else gate(f, peeps[2], c)
            cells = op.add(op.multiply(f, c), op.multiply(i, of_value(g)))
            return [op.multiply(gate(o, peeps[1], cells), of_cells(cells)), cells]

        return step

    def _product(self, r: Any, bias: Any, begin: int, end: int) -> Callable[[Any], Any]:
        """Hidden states times some of the rows, and their biases."""
        op = self.op
        rows = op.permute_dims(op.part(r, 0, begin, end - begin))
        added = op.part(bias, 0, begin, end - begin)
        return lambda h: op.add(op.matmul(h, rows), added)
