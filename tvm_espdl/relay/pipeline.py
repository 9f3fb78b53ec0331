"""The doors by which TVM finds us: target tags and pipeline.

Registering is idempotent, leaves every other target as it was, and loads no pass and no operator
before the first compilation.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import tvm
import tvm_ffi
from tvm import relax
from tvm.relax.pipeline import PIPELINE_MAP
from tvm.target import Target

from ..chips import CHIPS, DEFAULT_CHIP
from ..errors import EspdlError

KEY = "espdl"


def register() -> None:
    """Teach TVM our targets and pipeline; a second call changes nothing."""
    _register_tags()
    if KEY not in PIPELINE_MAP:
        relax.register_pipeline(KEY)(lambda: _pipeline(PIPELINE_MAP["default_build"]))
    if not hasattr(PIPELINE_MAP["default"], "espdl_default"):
        PIPELINE_MAP["default"] = _for_our_targets(PIPELINE_MAP["default"])
    # So that an error raised inside a pass leaves TVM as what it is, not as a RuntimeError.
    for error in EspdlError.__subclasses__():
        tvm_ffi.register_error(error.__name__, error)


def _register_tags() -> None:
    known = set(tvm.target.tag.list_tags())
    tags = {KEY: DEFAULT_CHIP, **{f"espressif/{name}": name for name in CHIPS}}
    for tag, device in tags.items():
        if tag not in known:
            tvm.target.tag.register_tag(tag, _config(device))


def _config(device: str) -> dict[str, Any]:
    """A target of ours; on aarch64 without fused products in what is left to TVM."""
    config: dict[str, Any] = {"kind": "llvm", "keys": [KEY, "cpu"], "device": device}
    if platform.machine() not in ("aarch64", "arm64"):
        return config
    from ..runtime.host.natives import UNFUSED

    return config | UNFUSED["aarch64"]


def _pipeline(rest: Callable[..., Any], **options: Any) -> Any:
    def run(mod: tvm.IRModule, context: Any) -> tvm.IRModule:
        from ..runtime.host.natives import unfused_module
        from . import executable, lowering

        target = Target.current(allow_none=True)
        chip = lowering.chip_of(target) if target is not None else CHIPS[DEFAULT_CHIP]
        lowered = lowering.lower(mod, chip)
        lowering.warn_if_float(bool(lowered.calls), mod)
        found = rest(**options)(executable.callable_module(lowered, target))
        return unfused_module(found, target or Target("llvm"))

    return tvm.transform.module_pass(run, opt_level=0, name="espdl.pipeline")


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
