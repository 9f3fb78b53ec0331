"""A model as calls of ESP-DL's operators on one chip: what each node means, constants unpacked.

It ends where Relax begins: plain data that `relay.frontend` turns into a module, and that can be
evaluated with the operators' NumPy references alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..chips import Chip
from ..errors import ModelError
from ..ops import Operator, Tensor
from ..ops.base.rounding import Array
from .file import File
from .schema import Graph, Node, ValueInfo

LARGEST_TENSOR = 1 << 26
LARGEST_EXPONENT = 100
ACTIVATION_DTYPES = ("int8", "int16", "float32", "bool")
Operand = str | Array


@dataclass(frozen=True)
class FloatCall:
    """A function of float32 tensors, which ESP-DL evaluates with the C library.

    Attributes
    ----------
    name : str
        Name of Relax's operator.
    x, y : Tensor
        float32, of one shape.
    axis : int or None
        For functions along an axis, not negative.
    """

    name: str
    x: Tensor
    y: Tensor
    axis: int | None = None

    @property
    def output(self) -> Tensor:
        """The result."""
        return self.y

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """In double precision, rounded once."""
        with np.errstate(all="ignore"):
            real = FLOAT_FUNCTIONS[self.name](arrays[0].astype(np.float64), self.axis)
            return real.astype(np.float32)


def _softmax(x: Array, axis: int | None) -> Array:
    exponentials = np.exp(x - x.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


FLOAT_FUNCTIONS: Mapping[str, Callable[[Array, int | None], Array]] = {
    "abs": lambda x, _: np.abs(x),
    "exp": lambda x, _: np.exp(x),
    "log": lambda x, _: np.log(x),
    "negative": lambda x, _: -x,
    "nn.log_softmax": lambda x, axis: np.log(_softmax(x, axis)),
    "nn.relu": lambda x, _: np.maximum(x, 0),
    "nn.silu": lambda x, _: x / (1 + np.exp(-x)),
    "nn.softmax": _softmax,
    "sigmoid": lambda x, _: 1 / (1 + np.exp(-x)),
    "sqrt": lambda x, _: np.sqrt(x),
    "tanh": lambda x, _: np.tanh(x),
}


@dataclass(frozen=True, eq=False)
class Call:
    """One operator call.

    Attributes
    ----------
    operator : Operator or FloatCall
        What is computed.
    inputs : tuple of str or array
        Names of values; constant inputs as they are.
    output : str
        Name of the result.
    constants : tuple of numpy.ndarray
        As the operator's `constants` state them.
    covers : tuple of str
        Tensors of the file that the call computes: its result, or none where it was added.
    """

    operator: Operator | FloatCall
    inputs: tuple[Operand, ...]
    output: str
    constants: tuple[Array, ...] = ()
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """A value that the chip keeps from one run to the next; zeros before the first.

    Attributes
    ----------
    name : str
        What a run begins with.
    next : str
        The call's result that the next run begins with.
    tensor : Tensor
        Type of both.
    """

    name: str
    next: str
    tensor: Tensor


@dataclass(frozen=True, eq=False)
class Network:
    """A model on a chip.

    Attributes
    ----------
    inputs : dict of str to Tensor
        Types of what enters, by name.
    outputs : tuple of str
        Names of what leaves.
    calls : tuple of Call
        In the order of execution.
    states : tuple of State
        What is kept between runs.
    """

    chip: Chip
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    calls: tuple[Call, ...]
    states: tuple[State, ...] = ()

    def reference(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Every value by name, computed with the operators' NumPy references.

        Parameters
        ----------
        arrays : mapping of str to numpy.ndarray
            The inputs, of their own types, and states; a state that is not given is zeros.
        """
        empty = {s.name: np.zeros(s.tensor.shape, s.tensor.dtype) for s in self.states}
        values = {**empty, **arrays}
        for call in self.calls:
            given = [values[i] if isinstance(i, str) else i for i in call.inputs]
            values[call.output] = call.operator.reference(self.chip, *given, *call.constants)
        return values


class Types:
    """Types of all values of a graph, checked for what a chip can hold.

    Parameters
    ----------
    graph : Graph
        The network.
    where : str
        The file, for messages.
    """

    def __init__(self, graph: Graph, where: str) -> None:
        self.where = where
        self._values = dict(graph.values)
        for value in (*graph.inputs, *graph.outputs):
            self._values.setdefault(value.name, value)

    def correct(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """The type of an activation under another shape than the file states."""
        value = self._values.get(name)
        if value is not None:
            self._values[name] = dataclasses.replace(value, shape=shape)
        return self.of(name)

    def of(self, name: str) -> Tensor:
        """The type of an activation.

        Raises
        ------
        ModelError
            If the file does not say, or says something impossible.
        """
        value = self._values.get(name)
        if value is None or value.shape is None or value.dtype not in ACTIVATION_DTYPES:
            found = "nothing" if value is None else f"{value.dtype or 'no type'}, {value.shape}"
            raise ModelError(
                "the file does not give the type of a value",
                where=f"{self.where}, value {name!r}",
                found=found,
                allowed=f"a shape, and {', '.join(ACTIVATION_DTYPES)}",
            )
        return activation(value.dtype, value.shape, value.exponents, f"{self.where}, {name!r}")


def activation(dtype: str, shape: tuple[int, ...], exponents: Sequence[int], where: str) -> Tensor:
    """The type of an activation, checked.

    Raises
    ------
    ModelError
        If it is larger than any chip's memory, or its exponent is none.
    """
    tensor = Tensor(dtype, shape)
    if min(shape, default=1) < 1 or tensor.nbytes > LARGEST_TENSOR:
        raise ModelError(
            "no tensor that a chip can hold",
            where=where,
            found=f"shape {shape}",
            allowed=f"1 to {LARGEST_TENSOR} bytes",
        )
    if dtype in ("float32", "bool"):
        return tensor
    if len(exponents) != 1 or abs(exponents[0]) > LARGEST_EXPONENT:
        raise ModelError(
            "no exponent of an activation",
            where=where,
            found=list(exponents[:8]),
            allowed=f"one, between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}",
        )
    return Tensor(dtype, shape, int(exponents[0]))


def network_of(file: File, chip: Chip) -> Network:
    """What a model computes on a chip.

    Raises
    ------
    ModelError
        For nodes that ESP-DL or this package does not have, or that contradict their tensors.
    """
    from .nodes import translate  # which knows this module

    graph = file.model.graph
    types = Types(graph, file.where)
    inputs = {v.name: types.of(v.name) for v in _fed(graph, graph.inputs)}
    known = set(inputs)
    calls: list[Call] = []
    states: list[State] = []
    for node in graph.nodes:
        for call in translate(node, graph, types, chip, file.where):
            if isinstance(call, State):
                states.append(call)
                known.add(call.name)
                continue
            _check_order(call, known, node, file.where)
            known.add(call.output)
            calls.append(call)
    outputs = tuple(value.name for value in graph.outputs)
    missing = [name for name in outputs if name not in known]
    if missing or not outputs or not calls:
        raise ModelError(
            "the network has no nodes" if not calls else "an output is never computed",
            where=file.where,
            found=", ".join(missing) or None,
            try_="export the model again",
        )
    return Network(chip, inputs, outputs, tuple(calls), tuple(states))


def _fed(graph: Graph, inputs: Sequence[ValueInfo]) -> list[ValueInfo]:
    """Inputs without those that are constants: old exporters list both."""
    return [value for value in inputs if value.name not in graph.initializers]


def _check_order(call: Call, known: set[str], node: Node, where: str) -> None:
    missing = [name for name in call.inputs if isinstance(name, str) and name not in known]
    if missing or call.output in known:
        raise ModelError(
            "it reads what is not computed before" if missing else "its result exists already",
            where=f"{where}, {node.label}",
            found=", ".join(missing) or call.output,
            allowed="nodes in the order of execution, each result written once",
            try_="export the model again",
        )
