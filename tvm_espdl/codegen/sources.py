"""The C of one network: header, constants, and the functions that run it.

It puts together what its neighbours print; nothing is printed, decided or computed here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..ops import Operator
from ..ops.base.ccall import CCall, Needs
from ..program import Native, Program
from ..program.kernels import Kernel, Preference, kernel_of_step
from ..program.memory import Plan, plan
from .calls import Calls
from .constants import Constants
from .cut import cut_before
from .header import PREFIX, network_header
from .implementations import Implementations, implementations
from .kernels import runtime_files
from .native import lower_native
from .network import Network
from .variables import Variables

CONSTANT_OVER_READ = 16


@dataclass(frozen=True, eq=False)
class Sources:
    """Everything that is printed for one network."""

    #: `tvmgen_default.h`: the interface that applications use.
    header: str
    #: `default_constants.h` and `default_lib0.c`.
    constants_header: str
    constants: str
    #: `default_lib1.c`.
    network: str
    #: The files that the called kernels are built from.
    runtime: Implementations
    #: Where its values live.
    plan: Plan
    #: Bytes of read-only data.
    constant_bytes: int


def generate(program: Program, model_id: str, preference: Preference = "auto") -> Sources:
    """Print a program as C.

    Parameters
    ----------
    model_id : str
        Goes into the header and into dumps.
    preference : str
        Whose kernels are called: `auto`, `esp-dl` or `portable`, as `program.kernels` has it.

    Raises
    ------
    ModelError
        If TVM cannot express one of its own functions in plain C.
    """
    natives = {
        index: lower_native(step.operator, f"{PREFIX}_tvm_main_{index}", cut_before(program, step))
        for index, step in enumerate(program.steps)
        if isinstance(step.operator, Native)
    }
    calls_of = {
        index: step.operator.call(program.chip, *step.constants)
        for index, step in enumerate(program.steps)
        if isinstance(step.operator, Operator)
    }
    kernels = {i: kernel_of_step(program.steps[i], program.chip, preference) for i in calls_of}
    needs = {i: _needs(call, kernels[i]) for i, call in calls_of.items()}
    needs |= {index: Needs(function.workspace_bytes) for index, function in natives.items()}
    memory = plan(program, needs)
    constants = Constants()
    arrays = {
        name: constants.add(f"{PREFIX}_constant_{index}", array, CONSTANT_OVER_READ)
        for index, (name, array) in enumerate(program.constants.items())
    }
    variables = Variables(program, memory, arrays)
    calls = Calls(program, memory, variables.names, constants, {**calls_of, **natives})
    network = Network(program, memory, variables, calls).text(model_id)
    # A symbol is defined once: ESP-DL's glue does what ESP-DL lacks in a loop of its own.
    called: dict[str, Kernel] = {}
    for index, call in calls_of.items():
        if not memory.is_alias(program.steps[index]) and called.get(call.function) != "esp-dl":
            called[call.function] = kernels[index]
    return Sources(
        header=network_header(program, memory, model_id),
        network=network,
        constants_header=constants.header(),
        constants=constants.definitions(),
        runtime=implementations(runtime_files(calls.kernels), called),
        plan=memory,
        constant_bytes=constants.nbytes,
    )


def _needs(call: CCall, kernel: Kernel) -> Needs:
    """What a call asks of its memory: portable kernels read single elements of their inputs."""
    if kernel == "esp-dl":
        return call.needs
    return dataclasses.replace(call.needs, over_read=0, alignment=1)
