"""The C of one network: header, constants, and the functions that run it.

It puts together what its neighbours print; nothing is printed, decided or computed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..program import Native, Program
from ..program.memory import Plan, plan
from .calls import Calls
from .constants import Constants
from .cut import cut_before
from .header import PREFIX, network_header
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
    #: The files that the called kernels are built from, by name.
    runtime: dict[str, str]
    #: Where its values live.
    plan: Plan
    #: Bytes of read-only data.
    constant_bytes: int


def generate(program: Program, model_id: str) -> Sources:
    """Print a program as C; `model_id` goes into the header and into dumps.

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
    memory = plan(program, {index: f.workspace_bytes for index, f in natives.items()})
    constants = Constants()
    arrays = {
        name: constants.add(f"{PREFIX}_constant_{index}", array, CONSTANT_OVER_READ)
        for index, (name, array) in enumerate(program.constants.items())
    }
    variables = Variables(program, memory, arrays)
    calls = Calls(program, memory, variables.names, constants, natives)
    network = Network(program, memory, variables, calls).text(model_id)
    return Sources(
        header=network_header(program, memory, model_id),
        network=network,
        constants_header=constants.header(),
        constants=constants.definitions(),
        runtime=runtime_files(calls.kernels),
        plan=memory,
        constant_bytes=constants.nbytes,
    )
