"""The order of the passes, and the doors by which TVM finds them: tags, pipeline, external codegen.

Registering is idempotent and leaves every other target as it was.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tvm
import tvm_ffi
from tvm import relax
from tvm.relax.pipeline import PIPELINE_MAP
from tvm.target import Target
from tvm.target.codegen import llvm_get_system_cpu

from ..chips import CHIPS, DEFAULT_CHIP, Chip, find_chip
from ..errors import ChipError, EspdlError, EspdlWarning
from . import transform
from .transform.partition import CHIP, PartitionLog, is_composite
from .transform.partition import register as register_patterns

KEY = "espdl"
CONVERSIONS = ("quantize", "dequantize")


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
    mod = transform.verify(transform.canonicalize(mod), "canonicalize")
    mod = transform.verify(transform.unify(mod, chip), "canonicalize")
    mod = transform.verify(_partition(mod, chip, log or PartitionLog()), "partition")
    return transform.verify(transform.lower_to_nhwc(mod), "lower_to_nhwc")


def _partition(mod: tvm.IRModule, chip: Chip, log: PartitionLog) -> tvm.IRModule:
    """Find operators, requantize what unequal exponents have left over, find the rest.

    Conversions come last: until then what is left over keeps its dequantized inputs.
    """
    found = transform.partition(mod, chip, without=CONVERSIONS)
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
    merged = relax.transform.MergeCompositeFunctions()(mod)
    return relax.transform.RunCodegen()(merged)


def register() -> None:
    """Teach TVM our targets, pipeline and code generator; a second call changes nothing."""
    register_patterns()
    _register_tags()
    if KEY not in PIPELINE_MAP:
        relax.register_pipeline(KEY)(lambda: _pipeline(PIPELINE_MAP["default_build"]))
    if not hasattr(PIPELINE_MAP["default"], "espdl_default"):
        PIPELINE_MAP["default"] = _for_our_targets(PIPELINE_MAP["default"])
    tvm_ffi.register_global_func("relax.ext.espdl", _compile_regions, override=True)
    # So that an error raised inside a pass leaves TVM as what it is, not as a RuntimeError.
    for error in EspdlError.__subclasses__():
        tvm_ffi.register_error(error.__name__, error)


def _register_tags() -> None:
    known = set(tvm.target.tag.list_tags())
    tags = {KEY: DEFAULT_CHIP, **{f"espressif/{name}": name for name in CHIPS}}
    for tag, device in tags.items():
        if tag not in known:
            config = {"kind": "llvm", "keys": [KEY, "cpu"], "device": device}
            tvm.target.tag.register_tag(tag, config)


def _pipeline(rest: Callable[..., Any], **options: Any) -> Any:
    def run(mod: tvm.IRModule, context: Any) -> tvm.IRModule:
        target = Target.current(allow_none=True)
        chip = chip_of(target) if target is not None else find_chip(DEFAULT_CHIP)
        lowered = lower(mod, chip)
        _warn_if_float(lowered)
        return rest(**options)(offload(lowered))

    return tvm.transform.module_pass(run, opt_level=0, name="espdl.pipeline")


def _warn_if_float(lowered: tvm.IRModule) -> None:
    if not any(is_composite(function) for function in lowered.functions.values()):
        warnings.warn(
            "no part of the network is quantized, so that none of it runs on ESP-DL: all of it is "
            "compiled by TVM in float; quantize it with `tvm-espdl quantize` first",
            EspdlWarning,
            stacklevel=2,
        )


def _for_our_targets(default: Callable[..., Any]) -> Callable[..., Any]:
    """The default pipeline, with ours before it where the current target is one of ours."""

    def choose(**options: Any) -> Any:
        ours, theirs = _pipeline(default, **options), default(**options)

        def run(mod: tvm.IRModule, context: Any) -> tvm.IRModule:
            target = Target.current(allow_none=True)
            is_ours = target is not None and KEY in target.keys
            return (ours if is_ours else theirs)(mod)

        return tvm.transform.module_pass(run, opt_level=0, name="espdl.default")

    choose.espdl_default = True  # type: ignore[attr-defined]
    return choose


def _compile_regions(functions: Sequence[Any], options: Any, constant_names: Any) -> list[Any]:
    """`relax.ext.espdl`: one host module for each region."""
    from ..runtime.host import build_region  # not needed before a compilation
    from .program import program_of_region

    target = host_target(Target.current(allow_none=True))
    return [
        build_region(
            program_of_region(function), str(function.attrs["global_symbol"]), target=target
        )
        for function in functions
    ]


def host_target(target: Target | None) -> Target:
    """LLVM for the CPU that a target names with `mcpu`, else for the CPU of this PC."""
    given = target.attrs.get("mcpu") if target is not None else None
    return Target({"kind": "llvm", "mcpu": str(given or llvm_get_system_cpu())})
