"""From a compiled program to a module that TVM's own virtual machine runs.

Its `main` only calls what is compiled already; no kernel is built here a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import tvm
from tvm import relax, tirx
from tvm.relax.pipeline import PIPELINE_MAP
from tvm.script.ir_builder import IRBuilder
from tvm.target import Target
from tvm.tirx.script import builder as T

from ..errors import ModelError
from ..runtime.executor import Executor, build
from ..runtime.host import build_regions, host_target
from ..runtime.host.natives import unfused_module
from ..runtime.host.run import program_of as program_of_operator
from .ir import type_of
from .lowering import program_of_lowered
from .relax_of import Call, main_of_program
from .transform import Lowered

LIBRARIES = "external_mods"  # attribute of a module: what `relax.build` links with it


def executable_of(mod: tvm.IRModule, target: Target) -> relax.VMExecutable:
    """TVM's executable of a module made here, for `relax.VirtualMachine` and `export_library`."""
    rest = PIPELINE_MAP["default_build"]()

    def run(mod: tvm.IRModule, context: Any) -> tvm.IRModule:
        return unfused_module(rest(mod), target)

    # What is left to TVM, where shapes are known only at run time, becomes functions in there.
    pipeline = tvm.transform.module_pass(run, opt_level=0, name="espdl.default_build")
    return relax.build(mod, target, relax_pipeline=pipeline)


def callable_module(lowered: Lowered, target: Target | None) -> tvm.IRModule:
    """A lowered module with its operators compiled, for the rest of TVM's pipeline."""
    host = host_target(target)
    try:
        program = program_of_lowered(lowered)
    except ModelError:
        return module_of_operators(lowered, host)
    return module_of_segments(build([program], host)[0])


def module_of_operators(lowered: Lowered, host: Target) -> tvm.IRModule:
    """A network that cannot be a program, for it has shapes known only at run time.

    Its `main` stays: operators are compiled one by one, and all else is left to TVM.
    """
    if not lowered.calls:
        return lowered.mod
    programs = {
        symbol: program_of_operator(placed.operator, lowered.chip, placed.constants)
        for symbol, placed in lowered.calls.items()
    }
    return _linked(lowered.mod, build_regions(programs, host))


def module_of_segments(executor: Executor) -> tvm.IRModule:
    """The module of a program whose `main` calls the segments that its executor is built with."""
    program = executor.program

    def calls(builder: relax.BlockBuilder) -> Iterable[Call]:
        for segment in executor.segments:
            types = [type_of(program.values[name]) for name in segment.outputs]
            call = partial(relax.call_dps_packed, segment.symbol, out_ty=types)
            yield segment.inputs, segment.outputs, "", call

    return _linked(main_of_program(program, calls, program.input_names), executor.module)


def _linked(mod: tvm.IRModule, library: tvm.runtime.Module | None) -> tvm.IRModule:
    linked = tvm.IRModule(dict(mod.functions), attrs=mod.attrs)
    linked["espdl_nothing"] = _nothing()
    return linked if library is None else linked.with_attr(LIBRARIES, [library])


def _nothing() -> tirx.PrimFunc:
    """A function that nobody calls.

    Without any function of its own, TVM makes a C source of nothing, and the virtual machine
    compiles all modules again, with a C compiler, to load that.
    """
    with IRBuilder() as builder, T.prim_func():
        T.func_attr({"global_symbol": "espdl_nothing"})
        T.evaluate(0)
    return builder.get()
