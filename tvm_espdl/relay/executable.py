"""From a compiled program to a module that TVM's own virtual machine runs.

Its `main` only calls what is compiled already; no kernel is built here a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import relax
from tvm.relax.pipeline import PIPELINE_MAP
from tvm.target import Target

from ..errors import ModelError
from ..ops import Tensor
from ..program import Native, Program, Step
from ..runtime.host import build_regions
from ..runtime.host.run import program_of as program_of_operator
from .lowering import host_target, program_of_lowered
from .transform import Lowered

LIBRARIES = "external_mods"  # attribute of a module: what `relax.build` links with it


def executable_of(lowered: Lowered, target: Target) -> Any:
    """A `tvm.relax.VMExecutable` of a lowered module."""
    with target:
        mod = callable_module(lowered, target)
    return relax.build(mod, target, relax_pipeline=PIPELINE_MAP["default_build"]())


def callable_module(lowered: Lowered, target: Target | None) -> tvm.IRModule:
    """The module with its operators compiled, for the rest of TVM's pipeline.

    A network that cannot be a program, for it has shapes known only at run time, keeps its
    `main`: its operators are compiled one by one, and all else is left to TVM.
    """
    try:
        program = program_of_lowered(lowered)
    except ModelError:
        return _with_operators(lowered, target)
    return module_of(program, *_compiled(program, host_target(target)))


def _with_operators(lowered: Lowered, target: Target | None) -> tvm.IRModule:
    if not lowered.calls:
        return lowered.mod
    programs = {
        symbol: program_of_operator(placed.operator, lowered.chip, placed.constants)
        for symbol, placed in lowered.calls.items()
    }
    library = build_regions(programs, target=host_target(target))
    return lowered.mod.with_attr(LIBRARIES, [library])


Segment = tuple[str, tuple[str, ...], tuple[str, ...]]


def module_of(program: Program, segments: Sequence[Segment], libraries: list[Any]) -> tvm.IRModule:
    """A module whose `main` calls the functions of a compiled program in order.

    Parameters
    ----------
    segments : sequence of (str, tuple of str, tuple of str)
        Symbol of each function, and the values that it reads and writes.
    libraries : list of tvm.runtime.Module
        What holds these functions, which take DLTensors.

    Returns
    -------
    tvm.IRModule
        `main` takes the inputs, then the states; it gives the outputs, then the next states.
    """
    builder = relax.BlockBuilder()
    entering = dict(zip(program.inputs, program.input_names, strict=True))
    entering |= {state.value: state.value for state in program.states}
    parameters = {n: relax.Var(v, _type(program.values[n])) for n, v in entering.items()}
    values: dict[str, Any] = dict(parameters)
    values |= {
        name: relax.const(array, str(array.dtype)) for name, array in program.constants.items()
    }
    leaving = (*program.outputs, *(state.next for state in program.states))
    with builder.function("main", list(parameters.values())):
        with builder.dataflow():
            for symbol, inputs, outputs in segments:
                types = [_type(program.values[name]) for name in outputs]
                arguments = [values[name] for name in inputs]
                result = builder.emit(relax.call_dps_packed(symbol, arguments, types))
                parts = [result] if len(outputs) == 1 else [result[n] for n in range(len(outputs))]
                values |= dict(zip(outputs, parts, strict=True))
            results = [values[name] for name in leaving]
            whole = results[0] if len(results) == 1 else relax.Tuple(results)
            output = builder.emit_output(whole)
        builder.emit_func_output(output)
    return builder.get().with_attr(LIBRARIES, libraries)


def _type(tensor: Tensor) -> Any:
    return relax.TensorType(tensor.shape, tensor.dtype)


def _compiled(program: Program, target: Target) -> tuple[list[Segment], list[Any]]:
    segments: list[Segment] = []
    regions: dict[str, Program] = {}
    natives: dict[str, Any] = {}
    run: list[Step] = []

    def close() -> None:
        if not run:
            return
        written = {name for step in run for name in step.outputs}
        inputs = tuple(dict.fromkeys(n for s in run for n in s.inputs if n not in written))
        later = {
            *program.outputs,
            *(state.next for state in program.states),
            *(n for s in program.steps if s not in run for n in s.inputs),
        }
        outputs = tuple(n for s in run for n in s.outputs if n in later)
        symbol = f"espdl_region_{len(regions)}"
        values = {n: program.values[n] for n in (*inputs, *(n for s in run for n in s.outputs))}
        regions[symbol] = Program(program.chip, values, inputs, outputs, tuple(run))
        segments.append((symbol, inputs, outputs))
        run.clear()

    for number, step in enumerate(program.steps):
        if isinstance(step.operator, Native):
            close()
            symbol = f"tvm_native_{number}"
            natives[symbol] = step.operator.function.with_attr("global_symbol", symbol)
            segments.append((symbol, step.inputs, step.outputs))
        else:
            run.append(step)
    close()
    libraries = [build_regions(regions, target=target)] if regions else []
    if natives:
        libraries.append(tvm.tirx.build(tvm.IRModule(natives), target=target))
    return segments, libraries
