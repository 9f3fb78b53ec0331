"""`relay.build`: the one call from an imported module to a library that runs and is exported.

It orders the work of others and computes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import tvm
from tvm import relax
from tvm.target import Target

from ..chips import CHIPS
from ..errors import ChipError, ModelError
from ..library import Library
from ..program import Native, Program
from ..report.log import PartitionLog
from ..runtime.cache import folder_of
from ..runtime.host import host_target
from ..runtime.making import MAKING
from .executable import executable_of, module_of_operators, module_of_segments
from .ir import attributes, main_of
from .lowering import chip_of, left_to_tvm, lower, program_of_lowered, warn_if_float
from .pipeline import KEY
from .program import BATCH, MADE_FOR, names_of


def build(
    mod: tvm.IRModule,
    target: str | Target | Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    mod_name: str = "default",
    *,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Library:
    """Compile a module for an Espressif chip.

    Parameters
    ----------
    mod : tvm.IRModule
        As `relay.frontend` or TVM's own importers make it; it is not changed.
    target : str, Target or dict, optional
        `espdl`, `espressif/<chip>`, or a target with the key `espdl` and a `device`; `llvm` for
        TVM's own result in float, with nothing of a chip in it. Without it, as elsewhere in TVM,
        the target of the `with` that the call stands in; outside of any, the chip that the
        model's metadata name, as `quantize` writes them, else `espdl`.
    params : dict of str to array, optional
        Values for inputs of `main` that are parameters.
    mod_name : str
        The name under which the library answers, `lib[mod_name](device)`.
    cache_dir : path, optional
        A folder for compiled networks, of your own: a network whose code is there is not compiled
        again. By default the one that the environment variable `TVM_ESPDL_CACHE` names; "" for
        none. An entry that is damaged is made again; where none can be used or written, a warning
        says so.

    Returns
    -------
    Library
        Runs on the PC with the chip's exact bits; writes projects and reports.

    Raises
    ------
    ChipError
        If the target is none of ours.
    ModelError
        If the module has scales or zero points that no chip can express.
    """
    if target is None:
        target = Target.current(allow_none=True) or _own_target(mod)
    ours = _our_target(target)
    chip = chip_of(ours)
    if params:
        with MAKING:
            mod = relax.transform.BindParams("main", dict(params))(mod)
    log = PartitionLog()
    if KEY in ours.keys:
        lowered = lower(mod, chip, log)
        warn_if_float(bool(lowered.calls), mod)
    else:
        lowered = left_to_tvm(mod, chip)

    def module_of(library: Library) -> tvm.IRModule:
        try:
            return module_of_segments(library.linkable_executor)
        except ModelError:  # no program: it has control flow, or shapes known at run time
            return module_of_operators(lowered, host_target(ours))

    inputs, outputs = names_of(main_of(lowered.mod))
    batch = int(attributes(main_of(lowered.mod)).get(BATCH, 1))
    return _library(
        lambda: program_of_lowered(lowered),
        module_of,
        ours,
        chip=chip,
        input_names=inputs,
        output_names=outputs,
        log=log,
        name=mod_name,
        batch=batch,
        cache_dir=folder_of(cache_dir),
    )


def _own_target(mod: tvm.IRModule) -> str:
    """The chip that a model's metadata name, by its tag; ours in general where they name none."""
    name = str(attributes(main_of(mod)).get(MADE_FOR, ""))
    return f"espressif/{name}" if name in CHIPS else KEY


def _our_target(target: str | Target | Mapping[str, Any]) -> Target:
    try:
        found = target if isinstance(target, Target) else Target(target)
    except (ValueError, TypeError):  # no target at all, for example a misspelt chip
        found = None
    if found is not None and (KEY in found.keys or str(found.kind) == "llvm"):
        return found
    chip = str(target).rpartition("/")[2]
    nearest = get_close_matches(chip, CHIPS, 1)
    raise ChipError(
        "the target is not one of ours",
        where="relay.build",
        found=str(target),
        allowed=f"{KEY}, {', '.join(f'espressif/{name}' for name in CHIPS)}, llvm",
        try_=f'target="espressif/{nearest[0]}"'
        if found is None and nearest
        else f'target="{KEY}" here, or tvm.compile for other targets',
    )


def library_of(
    program: Program,
    mod_name: str = "default",
    *,
    cache_dir: str | os.PathLike[str] | None = None,
    origin: str = "",
) -> Library:
    """The library of a program that no module of TVM stands behind, as that of an `.espdl` file.

    Parameters
    ----------
    program : Program
        After all passes; functions in its `Native` steps are TVM's.
    mod_name, cache_dir
        As in `build`.
    origin : str
        As in `Library`.
    """
    warn_if_float(any(not isinstance(step.operator, Native) for step in program.steps))
    return _library(
        program,
        lambda library: module_of_segments(library.linkable_executor),
        Target(f"espressif/{program.chip.name}"),
        chip=program.chip,
        input_names=program.input_names or program.inputs,
        output_names=program.output_names,
        log=PartitionLog(),
        name=mod_name,
        cache_dir=folder_of(cache_dir),
        origin=origin,
    )


def _library(
    program: Program | Callable[[], Program],
    module_of: Callable[[Library], tvm.IRModule],
    target: Target,
    **fields: Any,
) -> Library:
    """A library whose executable is of the module that `module_of` makes of it."""
    context = tvm.transform.PassContext.current()

    def make_executable(library: Library) -> relax.VMExecutable:
        with context:
            return executable_of(module_of(library), target)

    host = host_target(target)
    return Library(program, make_executable=make_executable, target=host, **fields)
