"""Reads a lowered Relax module into a `Program`, the static list of calls behind everything else.

It only reads: what it cannot express (control flow, shapes known at run time) it refuses.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import tvm
from tvm import relax
from tvm.ir import Call

from ..errors import ModelError
from ..ops import Operator, Refusal, Tensor
from ..ops.base.rounding import Array
from ..ops.dequantize import Dequantize
from ..program import Native, Node, Origin, Program, State, Step
from .ir import array_of, attributes, bindings_of, is_constant, main_of, op_name, tensor_of
from .legalize import legalized
from .transform import Lowered, Placed

INPUT_NAMES = "espdl.inputs"
OUTPUT_NAMES = "espdl.outputs"
NODES = "espdl.nodes"
# How many samples the model takes at once; `main` takes one.
BATCH = "espdl.batch"
# The chip that the model's metadata name.
MADE_FOR = "espdl.made_for"
# Pairs of names: the last parameters and the last outputs of `main`, which are states: what one
# run gives, the next one takes; the first one takes zeros.
STATES = "espdl.states"
# Of a function of TVM: the refusal that has left it to TVM, as JSON.
REASON = "espdl.reason"


def program_of(lowered: Lowered) -> Program:
    """The whole network as a program; what no operator took becomes `Native` steps.

    Raises
    ------
    ModelError
        If the network has control flow or shapes that are known only at run time.
    """
    attrs = attributes(main_of(lowered.mod))
    nodes = tuple(_node(*map(str, node)) for node in attrs.get(NODES, ()))
    legal = legalized(lowered.mod, nodes)
    main = main_of(legal)
    program = _with_states(_Reader(lowered, legal).read(main), len(attrs.get(STATES, ())))
    inputs, outputs = names_of(main_of(lowered.mod))
    outputs = outputs or program.outputs
    return dataclasses.replace(program, input_names=inputs, output_names=outputs, nodes=nodes)


def names_of(main: relax.Function) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the model calls its inputs, states apart, and its outputs; none where it is not said."""
    attrs = attributes(main)
    own = main.params[: len(main.params) - len(attrs.get(STATES, ()))]
    inputs = attrs.get(INPUT_NAMES) or [parameter.name for parameter in own]
    return tuple(map(str, inputs)), tuple(map(str, attrs.get(OUTPUT_NAMES, ())))


def _node(name: str, kind: str, tensor: str, *others: str) -> Node:
    return Node(name, kind, tensor, tuple(other for other in others if other))


def _with_states(program: Program, count: int) -> Program:
    """The program whose last inputs and outputs, `count` of each, are states."""
    if not count:
        return program
    inputs, outputs = program.inputs, program.outputs
    pairs = zip(inputs[-count:], outputs[-count:], strict=True)
    states = tuple(State(value, next_) for value, next_ in pairs)
    shifted = [s.value for s in states if s.next in inputs[-count:]]
    unlike = [
        s.value for s in states if not _alike(*(program.values[n] for n in (s.value, s.next)))
    ]
    if shifted or unlike:
        raise ModelError(
            "a state is replaced by another state as it is" if shifted else "a state changes type",
            where=", ".join(shifted or unlike),
            allowed="a computed value of the state's own type",
            try_="pass it through an operator",
        )
    return dataclasses.replace(
        program, inputs=inputs[:-count], outputs=outputs[:-count], states=states
    )


def _alike(x: Tensor, y: Tensor) -> bool:
    """Whether two types are one; TVM's own functions know no exponents."""
    exponents = {x.exponent, y.exponent} - {None}
    return (x.dtype, x.shape) == (y.dtype, y.shape) and len(exponents) <= 1


class _Reader:
    """Reads `main` of a legalized module, call by call.

    `computed` are the model's names of what operators compute.
    """

    def __init__(self, lowered: Lowered, legal: tvm.IRModule) -> None:
        self.chip, self.calls, self.mod = lowered.chip, lowered.calls, legal
        self.computed = {placed.tensor for placed in lowered.calls.values()}
        self.values: dict[str, Tensor] = {}
        self.constants: dict[str, Array] = {}
        self.steps: list[Step] = []
        self.names: dict[Any, tuple[str, ...]] = {}
        self.origins: dict[str, Origin] = {}

    def read(self, function: relax.Function) -> Program:
        inputs = tuple(self._input(p) for p in function.params)
        self.names = {p: (name,) for p, name in zip(function.params, inputs, strict=True)}
        for binding in bindings_of(function):
            self.names[binding.var] = self._binding(binding.var, binding.value)
        outputs = self._operands(function.body.body)
        return Program(
            self.chip,
            self.values,
            inputs,
            outputs,
            tuple(self.steps),
            self.constants,
            origins=self.origins,
        )

    def _input(self, parameter: Any) -> str:
        return self._new(self._float_name(parameter), _tensor(parameter))

    def _float_name(self, variable: relax.Var) -> str:
        """Floats that are quantized leave their name to the integers that the chip has."""
        name = str(variable.name)
        return f"{name}_float" if name in self.computed else name

    def _new(self, name: str, tensor: Tensor) -> str:
        base, unique, number = name or "value", name or "value", 1
        while unique in self.values:
            number += 1
            unique = f"{base}_{number}"
        self.values[unique] = tensor
        return unique

    def _operands(self, expr: Any) -> tuple[str, ...]:
        if isinstance(expr, relax.Tuple):
            return tuple(name for field in expr.fields for name in self._operands(field))
        if is_constant(expr):
            name = self._new("constant", _tensor(expr))
            self.constants[name] = array_of(expr)
            return (name,)
        return self.names[expr]

    def _binding(self, variable: relax.Var, value: relax.Expr) -> tuple[str, ...]:
        if isinstance(value, relax.expr.TupleGetItem):
            return (self._operands(value.tuple_value)[value.index],)
        if not isinstance(value, Call):
            return self._operands(value)
        if op_name(value) == "relax.call_dps_packed":
            return self._operator(self.calls[str(value.args[0].global_symbol)], value.args[1])
        if op_name(value) == "relax.call_tir":
            return self._native(variable, value)
        raise ModelError(
            "a call cannot be turned into C",
            where=str(variable.name),
            found=op_name(value) or str(value.op),
            try_="export the model with static shapes and without sequences or random numbers",
        )

    def _operator(self, placed: Placed, arguments: Any) -> tuple[str, ...]:
        record, tensor = placed.operator, placed.tensor
        inputs = self._operands(arguments)
        self._learn_exponents(record, inputs)
        name = f"{inputs[0]}_float" if isinstance(record, Dequantize) else tensor
        output = self._new(name, record.output)
        step = Step(record, inputs, (output,), placed.constants, placed.covers, placed.admits)
        self.steps.append(step)
        if tensor in placed.covers:
            self.origins[output] = Origin(tensor, placed.turns)
        return (output,)

    def _learn_exponents(self, record: Operator, inputs: tuple[str, ...]) -> None:
        """A graph input that holds integers gets its exponent from its first reader."""
        for name, tensor in zip(inputs, record.inputs, strict=True):
            if self.values[name].exponent is None:
                self.values[name] = tensor

    def _native(self, variable: relax.Var, call: Any) -> tuple[str, ...]:
        callee, arguments = call.args[0], call.args[1]
        inputs = tuple(name for argument in arguments for name in self._operands(argument))
        types = call.ty_args[0]
        fields = types.fields if isinstance(types, relax.TupleType) else [types]
        tensors = tuple(tensor_of(field) for field in fields)
        name = self._float_name(variable)
        outputs = tuple(self._new(name, tensor) for tensor in tensors)
        operands = tuple(self.values[name] for name in inputs)
        function = self.mod[callee]
        reason = attributes(function).get(REASON)
        refusal = None if reason is None else Refusal(**json.loads(str(reason)))
        native = Native(function, operands, tensors, str(callee.name_hint), refusal)
        self.steps.append(Step(native, inputs, outputs, (), (str(variable.name),)))
        return outputs


def _tensor(expr: Any) -> Tensor:
    try:
        return tensor_of(expr.ty)
    except ValueError:
        raise ModelError(
            "a shape is known only at run time",
            where=str(getattr(expr, "name", expr)),
            allowed="static shapes",
            try_="fix the model's input shapes, for example with `tvm-espdl preprocess`",
        ) from None
