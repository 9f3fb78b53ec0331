"""From a model file to a library in one call, for the command line and the demo."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import tvm

from .chips import DEFAULT_CHIP, Chip, find_chip
from .errors import DataError
from .onnx_graphs.chip_metadata import chip_name_in

if TYPE_CHECKING:
    from onnx import ModelProto

    from .espdl import File
    from .library import Library
    from .program import Program
    from .runtime.executor import Executor


def compile_file(
    model: str | os.PathLike[str] | ModelProto,
    chip: str | None = None,
    *,
    name: str | None = None,
    key: bytes | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Library:
    """Import and build an ONNX model, quantized or not, or an `.espdl` file.

    The chip is by default the model's own, as `quantize` has written it, or `esp32s3` where absent;
    of an `.espdl` file, the one it was made for. `name` and `key` are for models of its packages.
    `cache_dir` is as in `relay.build`.

    Raises
    ------
    EspdlError
        As `relay.frontend.from_onnx`, `relay.frontend.from_espdl` and `relay.build`; if an ONNX
        model comes with a name or a key.
    """
    from . import relay
    from .espdl.file import is_espdl, load
    from .onnx_graphs.model import load_model

    if is_espdl(model):
        return compile_espdl(load(model, model=name, key=key), chip, cache_dir=cache_dir)
    if name is not None or key is not None:
        raise DataError(
            "an option of .espdl files",
            where="--package_model" if name is not None else "--key",
            found="an ONNX model, which is no package, and not encrypted",
            allowed="an .espdl file",
        )
    proto = load_model(model)
    own = chip_name_in(proto, DEFAULT_CHIP)
    target = find_chip(chip or own).name
    mod, params = relay.frontend.from_onnx(proto)
    with tvm.transform.PassContext(opt_level=3):
        return relay.build(mod, target=f"espressif/{target}", params=params, cache_dir=cache_dir)


def compile_variants(
    models: Sequence[ModelProto],
    chip: str | None = None,
    more: Callable[[Program], Sequence[ModelProto]] | None = None,
) -> list[Executor]:
    """Import and build variants of one network: what they have in common is compiled once.

    They compute the bits of `compile_file`'s libraries, with the same kernels. All are for one
    chip, by default that of the first; from its program, `more` gives further models.

    Raises
    ------
    EspdlError
        As `relay.frontend.from_onnx`, `relay.build` and `Library.program`.
    """
    from .runtime.executor import build
    from .runtime.host import host_target

    own = chip_name_in(models[0], DEFAULT_CHIP)
    target = find_chip(chip or own)
    programs = [_program(model, target) for model in models]
    if more is not None:
        programs += [_program(model, target) for model in more(programs[0])]
    return build(programs, host_target(None), segments=False)


def _program(model: ModelProto, chip: Chip) -> Program:
    from . import relay
    from .relay.lowering import program_for

    with tvm.transform.PassContext(opt_level=3):
        return program_for(relay.frontend.from_onnx(model)[0], chip)


def compile_espdl(
    file: File,
    chip: str | None = None,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Library:
    """Build a network that was read from an `.espdl` file; `cache_dir` is as in `relay.build`.

    Raises
    ------
    EspdlError
        As `relay.frontend.from_espdl` and `relay.build`.
    """
    from .espdl.evidence import chip_of
    from .program.passes import run_passes
    from .relay.build_library import library_of
    from .relay.frontend.espdl import program_of

    with tvm.transform.PassContext(opt_level=3):
        program = run_passes(program_of(file, chip_of(file, chip)))
        origin = file.model.metadata.get("model_id", "")
        return library_of(program, cache_dir=cache_dir, origin=origin)
