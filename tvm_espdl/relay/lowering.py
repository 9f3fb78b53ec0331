"""The order of the passes: from a quantize/dequantize module to the program of a chip.

It calls passes and verifies what they leave; it rewrites nothing itself.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import FrameType

import tvm
import tvm_ffi
from tvm import relax
from tvm.target import Target

from ..chips import CHIPS, DEFAULT_CHIP, Chip, find_chip
from ..errors import ChipError, EspdlWarning
from ..program import Program
from ..program.passes import run_passes
from ..report.log import PartitionLog
from ..runtime.making import one_at_a_time
from . import qdq, transform
from .ir import attributes, bindings_of, is_plain_dataflow, main_of, op_name
from .program import program_of
from .transform import Lowered, Partition
from .transform.composite import CHIP

CONVERSIONS = ("quantize", "dequantize")
# Folders whose lines no user has written.
_COMPILERS = tuple(
    f"{folder}{os.sep}"
    for folder in (Path(__file__).parents[1], *(Path(m.__file__).parent for m in (tvm, tvm_ffi)))
)


def chip_of(target: Target) -> Chip:
    """The chip that a target stands for.

    Raises
    ------
    ChipError
        If its `device` is no chip of ours.
    """
    return find_chip(str(target.attrs.get("device", DEFAULT_CHIP)))


def program_for(mod: tvm.IRModule, chip: Chip, log: PartitionLog | None = None) -> Program:
    """The program of a module on a chip: `lower`, then `program_of_lowered`; it raises as both."""
    return program_of_lowered(lower(mod, chip, log))


@one_at_a_time
def program_of_lowered(lowered: Lowered) -> Program:
    """The program of a lowered module, after all passes over programs.

    Raises
    ------
    ModelError
        If the network has control flow or shapes that are known only at run time.
    """
    return run_passes(program_of(lowered))


@one_at_a_time
def lower(mod: tvm.IRModule, chip: Chip, log: PartitionLog | None = None) -> Lowered:
    """From a quantize/dequantize module to integer calls in NHWC, each pass verified.

    A network with control flow is left to TVM as it is.

    Parameters
    ----------
    mod : tvm.IRModule
        As the importers make it; it is not changed.
    log : PartitionLog, optional
        Receives what the chip refused.

    Raises
    ------
    ModelError
        For scales or zero points that no chip can express.
    ChipError
        If the module holds operators of another chip: it was read from that chip's `.espdl`.
    """
    _check_chip(mod, chip)
    if not is_plain_dataflow(main_of(mod)):
        return Lowered(mod, chip)
    mod = transform.canonicalize(transform.count_from_front(mod))
    mod = transform.verify(mod, "canonicalize")
    unified = transform.unify(mod, chip)
    mod = unified if unified is mod else transform.verify(unified, "unify")
    found = _partition(mod, chip, log or PartitionLog())
    transform.verify(found.mod, "partition")
    spelled = Partition(transform.spell_layers(found.mod), found.taken)
    return transform.lower_to_nhwc(spelled, chip)


@one_at_a_time
def left_to_tvm(mod: tvm.IRModule, chip: Chip) -> Lowered:
    """A module as it is, in which no operator of a chip is looked for: TVM computes all of it."""
    return Lowered(transform.spell_layers(transform.count_from_front(mod)), chip)


def _partition(mod: tvm.IRModule, chip: Chip, log: PartitionLog) -> Partition:
    """Find operators, requantize what unequal exponents have left over, find the rest.

    Conversions come last: until then what is left over keeps its dequantized inputs.
    """
    first = PartitionLog()  # of its refusals, those that are final come again
    found = transform.partition(mod, chip, first, without=CONVERSIONS)
    log.warnings.update(first.warnings)
    requantized = Partition(transform.requantize_inputs(found.mod, chip), found.taken)
    return transform.partition(requantized, chip, log)


def _check_chip(mod: tvm.IRModule, chip: Chip) -> None:
    """Chips of one family compute the same bits; others do not, and their constants differ."""
    made_for = {str(attributes(f)[CHIP]) for f in mod.functions.values() if CHIP in attributes(f)}
    families = {find_chip(name).family for name in made_for}
    if families - {chip.family}:
        allowed = [name for name in CHIPS if families == {CHIPS[name].family}]
        raise ChipError(
            "the module was made for another chip",
            where="target",
            found=chip.name,
            allowed=", ".join(allowed) or None,
            try_=f'target="espressif/{min(made_for)}"',
        )


def warn_if_float(has_operators: bool, mod: tvm.IRModule | None = None) -> None:
    """Tell users of a network without any operator of the chip what they are missing.

    It is float, or a rule forbids all of it, which the module that was lowered tells.
    """
    if has_operators:
        return
    if mod is not None and _is_quantized(main_of(mod)):
        found = (
            "no part of the network has the chip's bits, though it is quantized: a rule forbids "
            "each of its operators, and all of it is compiled by TVM in float; the report names "
            "the rules"
        )
    else:
        found = (
            "no part of the network is quantized, so that none of it has the chip's bits: all of "
            "it is compiled by TVM in float; quantize it with `tvm-espdl quantize` first"
        )
    warnings.warn(found, EspdlWarning, stacklevel=_level_of_user())


def _is_quantized(main: relax.Function) -> bool:
    if not is_plain_dataflow(main):
        return False
    return any(op_name(binding.value) == qdq.QUANTIZE for binding in bindings_of(main))


def _level_of_user() -> int:
    """The `stacklevel` of the innermost line that stands outside of this package and of TVM."""
    frame: FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(_COMPILERS):
        frame, level = frame.f_back, level + 1
    return level
