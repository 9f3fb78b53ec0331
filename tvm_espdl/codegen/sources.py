"""The C of one network: header, constants, and the functions that run it.

It puts together what its neighbours print; nothing is printed, decided or computed here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..chips.settings import ANY_BOARD, Board
from ..ops import Operator
from ..ops.base.ccall import CCall, Needs
from ..program import Native, Program
from ..program.border.formats import as_border
from ..program.border.ports import Border
from ..program.kernels import Kernel, Preference, kernel_of_step
from ..program.memory import Plan, Planner
from ..program.slices import slice_channels
from .arenas import psram_bytes
from .calls import Calls
from .constants import Constants
from .conversions import Conversions
from .cut import cut_before
from .header import Header
from .implementations import Implementations, implementations
from .kernels import runtime_files
from .memory_choice import DEFAULT_CHOICE, MemoryChoice, settled
from .native import NativeFunction, lower_native
from .network import Network
from .network_name import DEFAULT_NAME, NetworkName
from .stack import stack_bytes
from .variables import Variables

CONSTANT_OVER_READ = 16


@dataclass(frozen=True, eq=False)
class Sources:
    """Everything that is printed for one network."""

    #: The network's name in all of it.
    name: NetworkName
    #: `tvmgen_<name>.h`: the interface that applications use.
    header: str
    #: `<name>_constants.h` and `<name>_lib0.c`.
    constants_header: str
    constants: str
    #: `<name>_constants.S` and `.bin`; empty where no array is large.
    large_constants: tuple[str, bytes]
    #: `<name>_lib1.c`.
    network: str
    #: The files that the called kernels are built from.
    runtime: Implementations
    #: Where its values live.
    plan: Plan
    #: Bytes of read-only data.
    constant_bytes: int
    #: Stack of a run.
    stack_bytes: int
    #: Of these bytes, array by array, in hex digits.
    constant_sha256: str
    #: What was chosen about memory.
    memory: MemoryChoice
    #: Bytes of the main's buffers for outputs in PSRAM.
    output_psram_bytes: int

    @property
    def psram_bytes(self) -> int:
        """Bytes of static arrays in PSRAM."""
        copied = self.constant_bytes if self.memory.weights == "psram" else 0
        return psram_bytes(self.plan) + copied + self.output_psram_bytes


def generate(
    network: Program | Border,
    model_id: str,
    preference: Preference = "auto",
    name: NetworkName = DEFAULT_NAME,
    memory: MemoryChoice = DEFAULT_CHOICE,
    *,
    board: Board = ANY_BOARD,
) -> Sources:
    """Print a network as C.

    Parameters
    ----------
    network : Program or Border
        The network, with what it exchanges, or in the model's own form.
    model_id : str
        Goes into the header and into dumps.
    preference : str
        Whose kernels are called: `auto`, `esp-dl` or `portable`, as `program.kernels` has it.
    name : NetworkName
        What its functions, types, macros and files are called after, the kernels' included.
    memory : MemoryChoice
        Where its values and constants lie. Whether the chip has as much is not asked.
    board : Board
        What is known of the board.

    Raises
    ------
    DataError
        If more internal RAM is chosen than the chip has.
    ModelError
        If TVM cannot express one of its own functions in plain C.
    """
    border = as_border(network)
    program = border.program
    natives = {
        index: lower_native(
            step.operator, f"{name.prefix}_tvm_main_{index}", cut_before(program, step)
        )
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
    memory, planned = settled(program, memory, board, Planner(program, needs).plan)
    calls_of = {i: _placed(program, planned, i, call, kernels[i]) for i, call in calls_of.items()}
    constants = Constants(name, memory.weights)
    arrays = {
        value: constants.add(f"{name.prefix}_constant_{index}", array, CONSTANT_OVER_READ)
        for index, (value, array) in enumerate(program.constants.items())
    }
    variables = Variables(program, planned, arrays, name)
    called_by: dict[int, CCall | NativeFunction] = {**calls_of, **natives}
    calls = Calls(program, planned, variables.names, constants, called=called_by, network=name)
    conversions = Conversions(border, program.chip, name)
    text = Network(program, planned, variables, calls, name).text(model_id)
    called = _called(program, planned, calls_of, kernels)
    called |= {call.function: "portable" for _, call in conversions.kernels}
    declared = conversions.declarations
    runtime = implementations(runtime_files([*calls.kernels, *conversions.kernels]), called)
    stack = stack_bytes(kernels.values())
    return Sources(
        name=name,
        header=Header(border, planned, name).text(model_id, constants.nbytes, stack, declared),
        network="\n".join([text, *conversions.definitions]),
        constants_header=constants.header(),
        constants=constants.definitions(),
        large_constants=(constants.large.assembly(name.large_constants[1]), constants.large.data()),
        runtime=runtime.of(name),
        plan=planned,
        constant_bytes=constants.nbytes,
        constant_sha256=constants.sha256.hexdigest(),
        memory=memory,
        output_psram_bytes=memory.output_psram_bytes(program),
        stack_bytes=stack,
    )


def _called(
    program: Program, planned: Plan, calls: Mapping[int, CCall], kernels: Mapping[int, Kernel]
) -> dict[str, Kernel]:
    """Whose kernel each symbol is that is called.

    A symbol is defined once: ESP-DL's glue does what ESP-DL lacks in a loop of its own.
    """
    called: dict[str, Kernel] = {}
    for index, call in calls.items():
        if not planned.is_alias(program.steps[index]) and called.get(call.function) != "esp-dl":
            called[call.function] = kernels[index]
    return called


def _placed(program: Program, planned: Plan, index: int, call: CCall, kernel: Kernel) -> CCall:
    """A call that writes its result where it belongs, in slices where that pays."""
    step = program.steps[index]
    (result, *_), operator = step.outputs, step.operator
    pitch = planned.pitches.get(result)
    if pitch is not None:
        call = call.with_pitch(pitch // np.dtype(program.values[result].dtype).itemsize)
    assert isinstance(operator, Operator)
    channels = slice_channels(operator, program.chip, kernel, pitch)
    return call.with_slices(channels) if channels else call


def _needs(call: CCall, kernel: Kernel) -> Needs:
    """What a call asks of its memory: portable kernels read single elements of their inputs."""
    if kernel == "esp-dl":
        return call.needs
    return dataclasses.replace(call.needs, over_read=0, alignment=1)
