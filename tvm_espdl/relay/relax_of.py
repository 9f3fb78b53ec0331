"""A program as a Relax module: operators that are lowered already, TVM's functions as they are.

It is the inverse of `program`, which reads such modules; it decides nothing.
"""

from __future__ import annotations

from typing import Any

import tvm
from tvm import relax

from ..ops import Tensor
from ..program import Native, Program, Step
from .program import INPUT_NAMES, NODES, OUTPUT_NAMES, STATES
from .transform.composite import composite_of
from .transform.lowered import Placed


def relax_of(program: Program) -> tvm.IRModule:
    """The module of a program.

    Parameters
    ----------
    program : Program
        Its `Native` steps have functions of TVM.

    Returns
    -------
    tvm.IRModule
        Its `main` takes the states after the inputs, and gives the next ones after the outputs.
        What of an operator breaks a rule of the chip runs all the same.
    """
    mod = _Emitter(program).module()
    attrs: dict[str, Any] = {
        INPUT_NAMES: list(program.input_names or program.inputs),
        OUTPUT_NAMES: list(program.output_names or program.outputs),
        NODES: [[node.name, node.type, node.tensor, *node.others] for node in program.nodes],
    }
    if program.states:
        attrs[STATES] = [[state.value, state.next] for state in program.states]
    mod["main"] = mod["main"].with_attrs(attrs)
    return mod


class _Emitter:
    """Writes `main`, step by step; `values` knows what each name has become."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.builder = relax.BlockBuilder()
        self.functions: dict[Any, Any] = {}
        begin = (*program.inputs, *(state.value for state in program.states))
        self.values: dict[str, Any] = {
            name: relax.Var(name, _type(program.values[name])) for name in begin
        }

    def module(self) -> tvm.IRModule:
        """The whole module."""
        program = self.program
        with self.builder.function("main", params=list(self.values.values())):
            with self.builder.dataflow():
                for name, array in program.constants.items():
                    self.values[name] = relax.const(array, str(array.dtype))
                for step in program.steps:
                    self._emit(step)
                leaving = (*program.outputs, *(state.next for state in program.states))
                results = [self.values[name] for name in leaving]
                whole = results[0] if len(results) == 1 else relax.Tuple(results)
                output = self.builder.emit_output(whole)
            self.builder.emit_func_output(output)
        return self.builder.get()

    def _emit(self, step: Step) -> None:
        name = self._tensor(step)
        inputs = [self.values[value] for value in step.inputs]
        if not isinstance(step.operator, Native):
            (output,) = step.outputs
            self.values[output] = self.builder.emit(self._operator(step, inputs), name)
            return
        native = step.operator
        types = [_type(tensor) for tensor in native.outputs]
        alone = len(types) == 1
        function = self._function(native)
        call = relax.call_tir(function, inputs, types[0] if alone else types)
        result = self.builder.emit(call, name)
        parts = [result] if alone else [result[at] for at in range(len(types))]
        self.values |= dict(zip(step.outputs, parts, strict=True))

    def _operator(self, step: Step, inputs: list[Any]) -> Any:
        assert not isinstance(step.operator, Native)
        origin = self.program.origins.get(step.outputs[0])
        placed = Placed(
            step.operator,
            step.constants,
            self._tensor(step),
            step.covers,
            () if origin is None else origin.turns,
            step.admits,
        )
        function = composite_of(placed, self.program.chip.name)
        return tvm.ir.Call(self.builder.add_func(function, f"espdl_{placed.operator.name}"), inputs)

    def _function(self, native: Native) -> Any:
        """A function that several steps call stands in the module once."""
        if native.function not in self.functions:
            added = self.builder.add_func(native.function, native.name)
            self.functions[native.function] = added
        return self.functions[native.function]

    def _tensor(self, step: Step) -> str:
        """What the model calls the result, where it knows it."""
        (name, *_), origin = step.outputs, self.program.origins.get(step.outputs[0])
        if isinstance(step.operator, Native):
            return next(iter(step.covers), name)
        return name if origin is None else origin.tensor


def _type(tensor: Tensor) -> Any:
    return relax.TensorType(tensor.shape, tensor.dtype)
