"""The order of the passes: from a quantize/dequantize module to regions compiled for the PC.

It calls passes and verifies what they leave; it rewrites nothing itself.
"""

from __future__ import annotations

import warnings
from typing import Any

import tvm
from tvm import relax
from tvm.target import Target

from ..chips import CHIPS, DEFAULT_CHIP, Chip, find_chip
from ..errors import ChipError, EspdlWarning
from ..report.log import PartitionLog
from ..runtime.host import build_regions, host_target
from . import transform
from .program import program_of_region
from .transform.partition import CHIP, is_composite

CONVERSIONS = ("quantize", "dequantize")
LOWERED = "espdl.lowered"  # of a module: the chip that it is lowered for already


def chip_of(target: Target) -> Chip:
    """The chip that a target stands for.

    Raises
    ------
    ChipError
        If its `device` is no chip of ours.
    """
    return find_chip(str(target.attrs.get("device", DEFAULT_CHIP)))


def lower(mod: tvm.IRModule, chip: Chip, log: PartitionLog | None = None) -> tvm.IRModule:
    """From a quantize/dequantize module to integer calls in NHWC, each pass verified.

    A module that it has made for the same chip comes back as it is.

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
    if mod.attrs is not None and mod.attrs.get(LOWERED) == chip.name:
        return mod
    _check_chip(mod, chip)
    mod = transform.verify(transform.canonicalize(mod), "canonicalize")
    mod = _verified(mod, transform.unify(mod, chip), "canonicalize")
    mod = transform.verify(_partition(mod, chip, log or PartitionLog()), "partition")
    mod = transform.spell_layers(mod)
    mod = transform.verify(transform.lower_to_nhwc(mod), "lower_to_nhwc")
    mod = _verified(mod, transform.fold_flattens(mod), "lower_to_nhwc")
    return mod.with_attr(LOWERED, chip.name)


def _verified(before: tvm.IRModule, after: tvm.IRModule, stage: str) -> tvm.IRModule:
    """The module after a pass of a stage that was verified before; nothing to do if it is that."""
    return after if after is before else transform.verify(after, stage)


def _partition(mod: tvm.IRModule, chip: Chip, log: PartitionLog) -> tvm.IRModule:
    """Find operators, requantize what unequal exponents have left over, find the rest.

    Conversions come last: until then what is left over keeps its dequantized inputs.
    """
    first = PartitionLog()  # of its refusals, those that are final come again
    found = transform.partition(mod, chip, first, without=CONVERSIONS)
    log.warnings.update(first.warnings)
    return transform.partition(transform.requantize_inputs(found, chip), chip, log)


def _check_chip(mod: tvm.IRModule, chip: Chip) -> None:
    """Chips of one family compute the same bits; others do not, and their constants differ."""
    composites = filter(is_composite, mod.functions.values())
    made_for = {str(f.attrs[CHIP]) for f in composites if CHIP in f.attrs}
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


def offload(mod: tvm.IRModule) -> tvm.IRModule:
    """Merge neighbouring operators into regions and compile these through `relax.ext.espdl`."""
    if not any(map(is_composite, mod.functions.values())):
        return mod
    merged = relax.transform.MergeCompositeFunctions()(mod)
    return relax.transform.RunCodegen()(merged)


def warn_if_float(lowered: tvm.IRModule) -> None:
    """Tell users of a float model what they are missing."""
    if not any(is_composite(function) for function in lowered.functions.values()):
        warnings.warn(
            "no part of the network is quantized, so that none of it runs on ESP-DL: all of it is "
            "compiled by TVM in float; quantize it with `tvm-espdl quantize` first",
            EspdlWarning,
            stacklevel=2,
        )


def compile_region(function: Any) -> Any:
    """The host module of a function that `MergeCompositeFunctions` has made."""
    symbol = str(function.attrs["global_symbol"])
    target = host_target(Target.current(allow_none=True))
    return build_regions({symbol: program_of_region(function)}, target)
