"""A compiled program as TVM's own executable: a function of Relax that only calls its segments.

For `relax.VirtualMachine` and `export_library`. Nothing of the program is compiled again.
"""

from __future__ import annotations

from typing import Any

from tvm import relax, tirx
from tvm.script.ir_builder import IRBuilder
from tvm.target import Target
from tvm.tirx.script import builder as T

from ..ops import Tensor
from ..runtime.executor import Executor


def executable_of(executor: Executor, target: Target) -> relax.VMExecutable:
    """The executable of a program that was built with segments.

    Parameters
    ----------
    executor : Executor
        Its module is linked into the executable.
    target : Target
        For TVM's own build, of kind llvm.

    Returns
    -------
    tvm.relax.VMExecutable
        With `main`: the program's inputs, then its states, under the model's names, to its
        outputs, then its next states; one result alone is no tuple.
    """
    program = executor.program
    names = (*program.input_names, *(state.value for state in program.states))
    values = (*program.inputs, *(state.value for state in program.states))
    if not program.input_names:
        names = values
    parameters = [
        relax.Var(name, _type(program.values[value]))
        for name, value in zip(names, values, strict=True)
    ]
    known: dict[str, Any] = dict(zip(values, parameters, strict=True))
    known |= {name: relax.const(array) for name, array in program.constants.items()}
    builder = relax.BlockBuilder()
    with builder.function("main", parameters):
        with builder.dataflow():
            for segment in executor.segments:
                types = [_type(program.values[name]) for name in segment.outputs]
                arguments = [known[name] for name in segment.inputs]
                result = builder.emit(relax.call_dps_packed(segment.symbol, arguments, types))
                fields = [result] if len(types) == 1 else [result[n] for n in range(len(types))]
                known |= dict(zip(segment.outputs, fields, strict=True))
            ends = (*program.outputs, *(state.next for state in program.states))
            found = [known[name] for name in ends]
            given = builder.emit_output(found[0] if len(found) == 1 else relax.Tuple(found))
        builder.emit_func_output(given)
    builder.add_func(_nothing(), "espdl_nothing")
    mod = builder.get()
    if executor.module is not None:
        mod = mod.with_attr("external_mods", [executor.module])
    return relax.build(mod, target, relax_pipeline="default_build")


def _nothing() -> tirx.PrimFunc:
    """A function that nobody calls.

    Without any function of its own, TVM makes a C source of nothing, and the virtual machine
    compiles all modules again, with a C compiler, to load that.
    """
    with IRBuilder() as builder, T.prim_func():
        T.func_attr({"global_symbol": "espdl_nothing"})
        T.evaluate(0)
    return builder.get()


def _type(tensor: Tensor) -> relax.TensorType:
    return relax.TensorType(tensor.shape, tensor.dtype)
