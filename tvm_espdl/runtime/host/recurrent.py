"""What host kernels of recurrent layers share: the loops over a sequence, sums and tables.

It emits dot products and moves states; what the gates do is said by the kernels themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tvm.tirx.script import builder as T

from ...chips import Chip
from ...ops import Tensor
from ...ops.base.gates import in_vectors
from ...ops.base.recurrent import ALL, CELLS, LAST, Recurrent
from ...ops.base.rounding import Array
from .arithmetic import clamp, power_of_two, round_float, saturate, shift_and_round
from .kernel import Buffer, Expression, HostKernel, flat, private_function, registers

Number = Callable[[Expression], Expression]


@dataclass(frozen=True)
class State:
    """A part of the working memory."""

    buffer: Buffer
    begin: int

    def __getitem__(self, i: Expression) -> Expression:
        return self.buffer[self.begin + i]

    def store(self, value: Expression, i: Expression) -> None:
        """Write an element."""
        T.buffer_store(self.buffer, value, [self.begin + i])


@dataclass(frozen=True)
class Step:
    """What one element of a step sees.

    Attributes
    ----------
    from_x, from_h : callable
        The sum of a gate, by the gate's number, from input and hidden states, as int32; biases
        are not in it.
    x_bias, h_bias : callable
        The biases of these sums, as int32.
    h, c : State
        Hidden states and cells, int32.
    i : expression
        The element.
    sigmoid, tanh : callable
        Of an int32 at the gates' exponent, as float32.
    """

    from_x: Number
    from_h: Number
    x_bias: Number
    h_bias: Number
    h: State
    c: State
    i: Expression
    sigmoid: Number
    tanh: Number


def recurrent(
    operator: Recurrent,
    chip: Chip,
    constants: tuple[Array, ...],
    emit: Callable[[Step], None],
) -> HostKernel:
    """The kernel of a layer; `emit` stores the next state of one element into `h` and `c`."""
    size, rows = operator.hidden_size, operator.gates * operator.hidden_size
    initial = [flat(tensor) for tensor in operator.inputs[1:]]
    fixed = (*(array.ravel() for array in constants), *operator.tables)
    scratch = Tensor("int32", (2 * rows + 2 * size,))

    def body(x: Buffer, *others: Buffer) -> None:
        before = others[: len(initial)]
        w, r, b, sigmoid, tanh, y, memory = others[len(initial) :]
        whole = _Memory(memory, rows, size)
        with T.serial(operator.directions) as d:
            for place, source in enumerate(before):
                _copy(source, d * size, memory, whole.state(place), size)
            with T.serial(operator.steps) as s:
                t = T.Select(d == 0, s, operator.steps - 1 - s)
                sides = (
                    (w, operator.input_size, operator.w_shift, x, t * operator.input_size, 0),
                    (r, size, operator.r_shift, memory, whole.state(0), rows),
                )
                for matrix, length, shift, vector, first, target in sides:
                    row = _Row(chip, operator.x.dtype, length, shift)
                    with T.serial(rows) as k:
                        value = row.sum(matrix, (d * rows + k) * length, vector, first)
                        T.buffer_store(memory, value, [target + k])
                with T.serial(size) as i:
                    emit(_step(whole, b, d * 2 * rows, i, (sigmoid, tanh)))
                if operator.gives == ALL:
                    place = (t * operator.directions + d) * size
                    _copy(memory, whole.state(0), y, place, size)
            if operator.gives in (LAST, CELLS):
                state = whole.state(int(operator.gives == CELLS))
                _copy(memory, state, y, d * size, size)

    types: tuple[Tensor | Array, ...] = (
        flat(operator.x),
        *initial,
        *fixed,
        flat(operator.y),
        scratch,
    )
    return HostKernel(private_function(types, body), fixed, scratch.nbytes)


@dataclass(frozen=True)
class _Memory:
    """Working memory: sums from the input, sums from the hidden states, hidden states, cells."""

    buffer: Buffer
    rows: int
    size: int

    def state(self, place: int) -> int:
        """Where hidden states (0) or cells (1) begin."""
        return 2 * self.rows + place * self.size


@dataclass(frozen=True)
class _Row:
    """The dot products of one side: `ops.gates.dot_products`."""

    chip: Chip
    dtype: str
    length: int
    shift: int

    def sum(self, matrix: Buffer, row: Expression, vector: Buffer, first: Expression) -> Expression:
        """The loop over a row, and then the sum at the gates' exponent as int32."""
        wide = "int32" if self.dtype == "int8" else "int64"
        total = registers(1, wide)
        T.buffer_store(total, T.cast(0, wide), [0])
        with T.serial(self.length) as k:
            product = T.cast(matrix[row + k], "int32") * T.cast(vector[first + k], "int32")
            T.buffer_store(total, total[0] + T.cast(product, wide), [0])
        if in_vectors(self.chip, self.dtype, self.length, self.shift):
            rounded = shift_and_round(T.cast(total[0], "int64"), self.shift, self.chip)
            return T.cast(saturate(rounded, "int16"), "int32")
        real = T.cast(total[0], "float32") * power_of_two(-self.shift)
        return T.cast(round_float(real, "int16", self.chip), "int32")


def _copy(source: Buffer, begin: Expression, target: Buffer, place: Expression, count: int) -> None:
    with T.serial(count) as i:
        T.buffer_store(target, T.cast(source[begin + i], str(target.dtype)), [place + i])


def _step(
    memory: _Memory, b: Buffer, biases: Expression, i: Expression, tables: tuple[Buffer, Buffer]
) -> Step:
    rows, size, buffer = memory.rows, memory.size, memory.buffer

    def of_sigmoid(index: Expression) -> Expression:
        found = _looked_up(tables[0], index)
        return T.Select(index < 0, T.float32(1) - found, found)

    def of_tanh(index: Expression) -> Expression:
        found = _looked_up(tables[1], index)
        return T.Select(index < 0, T.float32(0) - found, found)

    return Step(
        from_x=lambda gate: buffer[gate * size + i],
        from_h=lambda gate: buffer[rows + gate * size + i],
        x_bias=lambda gate: T.cast(b[biases + gate * size + i], "int32"),
        h_bias=lambda gate: T.cast(b[biases + rows + gate * size + i], "int32"),
        h=State(buffer, memory.state(0)),
        c=State(buffer, memory.state(1)),
        i=i,
        sigmoid=of_sigmoid,
        tanh=of_tanh,
    )


def _looked_up(table: Buffer, index: Expression) -> Expression:
    """The entry of an integer's size, read before anybody asks for its sign.

    TVM simplifies the two sides of a `Select` by its condition and then evaluates both: an index
    inside of one would leave the table.
    """
    last = int(np.prod([int(n) for n in table.shape])) - 1
    size = held(clamp(T.max(index, 0 - index), 0, last), "int32")
    return held(table[size], "float32")


def wrapped(value: Expression) -> Expression:
    """The low 16 bits of an int32, as int32."""
    return T.cast(T.cast(value, "int16"), "int32")


def held(value: Expression, dtype: str) -> Expression:
    """The same value, computed once."""
    register = registers(1, dtype)
    T.buffer_store(register, value, [0])
    return register[0]
