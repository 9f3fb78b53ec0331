"""`.espdl` to a program and to Relax: operators that are lowered already, in the file's layouts.

Names, layouts and integer inputs stay those of the file. It decides nothing about operators: what
a node means is said in `tvm_espdl.espdl`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tvm
from tvm import relax

from ...chips import Chip
from ...espdl import File, load, to_program
from ...espdl.evidence import chip_of
from ...espdl.file import Source
from ...espdl.types import FloatCall
from ...program import Native, Program
from ..ir import type_of, with_main
from ..lowering import program_for
from ..relax_of import relax_of
from .espdl_node import add_as_onnx


def from_espdl(
    model: Source,
    chip: str | None = None,
    *,
    name: str | None = None,
    key: bytes | None = None,
) -> tuple[tvm.IRModule, dict[str, Any]]:
    """Import a network of ESP-DL.

    Parameters
    ----------
    model : path or bytes
        An `.espdl` file (EDL1, EDL2) or a package of several (PDL1, PDL2, PDL3).
    chip : str, optional
        The chip it was made for; found in the file where absent.
    name : str, optional
        Which model of a package.
    key : bytes, optional
        16 bytes, for an encrypted model.

    Returns
    -------
    (tvm.IRModule, dict)
        A module whose `main` takes the network's inputs as the file has them, and the parameters
        to pass on to `relay.build`: an empty dict, for the weights are constants. Build it for
        the same chip. What the network keeps between runs is explicit: after the inputs `main`
        takes the states, zeros at first, and after the outputs it gives the next ones;
        `relay.build`'s library keeps them itself.

    Raises
    ------
    ModelError
        For a missing or damaged file, a chip that the file contradicts or does not tell, or an
        operator that this package does not have.
    """
    file = load(model, model=name, key=key)
    return module_of(file, chip_of(file, chip)), {}


def module_of(file: File, chip: Chip) -> tvm.IRModule:
    """The module of a model that is read already; it raises as `program_of`."""
    return relax_of(program_of(file, chip))


def program_of(file: File, chip: Chip) -> Program:
    """The program of a model that is read already, its functions of floats compiled by TVM.

    So are nodes that neither ESP-DL nor this package's kernels run, with a warning.

    Raises
    ------
    ModelError
        For a node that this package does not have, or one that contradicts its tensors.
    """
    read = to_program.program_of(file, chip, instead=add_as_onnx)
    functions: dict[FloatCall, Native] = {}
    steps = list(read.steps)
    for number, step in enumerate(steps):
        operator = step.operator
        if isinstance(operator, Native) and isinstance(operator.function, FloatCall):
            call = operator.function
            if call not in functions:
                functions[call] = _compiled(call, step.inputs, chip)
            steps[number] = dataclasses.replace(step, operator=functions[call])
    return dataclasses.replace(read, steps=tuple(steps))


def _compiled(call: FloatCall, names: tuple[str, ...], chip: Chip) -> Native:
    """TVM's own function of floats, as it makes it wherever such a function is left to it.

    Its C calls the inputs by `names`.
    """
    function: Any = relax.op
    for part in call.name.split("."):
        function = getattr(function, part)
    axis = () if call.axis is None else (call.axis,)
    builder = relax.BlockBuilder()
    # A value that is read twice has two names.
    unique = [n if n not in names[:at] else f"{n}_{at}" for at, n in enumerate(names)]
    xs = [relax.Var(name, type_of(x)) for name, x in zip(unique, call.xs, strict=True)]
    mod = with_main(builder, xs, lambda: builder.emit(function(*xs, *axis)))
    (step,) = program_for(mod, chip).steps
    assert isinstance(step.operator, Native)
    return step.operator
