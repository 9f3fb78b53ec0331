"""Writes the ESP-IDF project: the network's C, the kernels it uses, a main that checks itself.

The folder appears whole or not at all, and an existing one is never touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from ..chips import Chip
from ..errors import OutputError
from ..ops import Tensor
from ..ops.rounding import Array
from ..version import __version__
from .header import NOTICE, PREFIX
from .identifiers import identifiers, string
from .literals import array_definition, c_type
from .program import Native, Program
from .sdkconfig import app_bytes, chip_lines, flash_megabytes
from .sources import Sources, generate

if TYPE_CHECKING:
    from ..runtime.library import Library

TEMPLATES = Path(__file__).parent / "templates"
KERNELS = Path(__file__).parent.parent / "runtime" / "c"
MODEL = Path("components") / "tvm_model" / "model"


def write_project(
    library: Library,
    path: Path,
    sample_input: Any = None,
    *,
    template: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the project of a compiled network.

    Parameters
    ----------
    library : Library
        The network.
    path : path
        A folder that does not exist yet; its name becomes the project's.
    sample_input : array, list or dict, optional
        Compiled into the project with its expected output; zeros where absent.
    template : path, optional
        A folder whose files replace ours or come on top, for example an own `main/app_main.c`.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    DataError
        If the sample does not fit the network.
    ModelError
        If a part of the network cannot be expressed in C.
    """
    path = Path(path)
    if path.exists():
        raise OutputError(
            "the output folder exists",
            where=str(path),
            allowed="a folder that does not exist yet",
            try_="another name, or remove it yourself",
        )
    files = project_files(library, path.name, sample_input)
    if template is not None:
        files |= _template_files(Path(template))
    _write_whole(path, files)
    return path


def project_files(library: Library, name: str, sample_input: Any = None) -> dict[Path, bytes]:
    """Every file of a project by its path in the folder; the same input gives the same bytes."""
    program = library.program
    arrays = _sample(program, library, sample_input)
    expected = library.first_run(arrays)
    model_id = identity(program)
    sources = generate(program, model_id)
    texts = {
        Path("CMakeLists.txt"): _filled("CMakeLists.txt", chip=program.chip.name, project=name),
        Path("partitions.csv"): _filled("partitions.csv", app_size=hex(app_bytes(sources))),
        Path("sdkconfig.defaults"): _filled(
            "sdkconfig.defaults",
            chip=program.chip.name,
            flash_megabytes=flash_megabytes(sources),
        ),
        Path(f"sdkconfig.defaults.{program.chip.name}"): chip_lines(program.chip),
        **_main_files(program, arrays, expected),
        **_component_files(program, sources, model_id),
    }
    return {path: text.encode() for path, text in texts.items()} | _kernel_files(sources)


def identity(program: Program) -> str:
    """A name for exactly this network on exactly this chip: 16 hex digits of a SHA-256."""
    digest = hashlib.sha256(program.chip.name.encode())
    for step in program.steps:
        native = isinstance(step.operator, Native)
        text = step.operator.name if native else step.operator.to_json()  # type: ignore[union-attr]
        digest.update(json.dumps([text, step.inputs, step.outputs]).encode())
        for array in step.constants:
            digest.update(array.tobytes())
    for array in program.constants.values():
        digest.update(array.tobytes())
    for state in program.states:
        digest.update(json.dumps([state.value, state.next]).encode())
    return digest.hexdigest()[:16]


def _sample(program: Program, library: Library, sample: Any) -> list[Array]:
    if sample is None:
        types = [program.values[name] for name in program.inputs]
        return [np.zeros(tensor.shape, tensor.dtype) for tensor in types]
    given = sample if isinstance(sample, (Mapping, list, tuple)) else [sample]
    return library.feed(dict(given) if isinstance(given, Mapping) else list(given))


def _filled(name: str, **values: Any) -> str:
    return Template((TEMPLATES / f"{name}.in").read_text()).substitute(values)


def _main_files(
    program: Program, inputs: Sequence[Array], outputs: Sequence[Array]
) -> dict[Path, str]:
    chip = program.chip
    component = _filled("idf_component.yml", idf_version=chip.idf_version)
    return {
        Path("main/app_main.c"): _app_main(program),
        Path("main/input_data.h"): _data_header("INPUT_DATA_H", "input", program, inputs),
        Path("main/output_data.h"): _data_header("OUTPUT_DATA_H", "output", program, outputs),
        Path("main/CMakeLists.txt"): _filled("main_CMakeLists.txt"),
        Path("main/idf_component.yml"): component,
    }


def _data_header(guard: str, kind: str, program: Program, arrays: Sequence[Array]) -> str:
    names = program.input_names if kind == "input" else program.output_names
    definitions = [
        array_definition(f"{kind}_data_{name}", array, 0)
        for name, array in zip(identifiers(names), arrays, strict=True)
    ]
    head = f'#ifndef {guard}\n#define {guard}\n\n#include "espdl_kernels.h"\n#include <math.h>\n'
    return "\n".join([NOTICE + head, *definitions, "#endif", ""])


def _app_main(program: Program) -> str:
    inputs, outputs = identifiers(program.input_names), identifiers(program.output_names)
    tensors = [program.values[name] for name in program.outputs]
    buffers = [
        f"static {c_type(tensor.dtype)} {name}[{tensor.size}];"
        for name, tensor in zip(outputs, tensors, strict=True)
    ]
    given = ", ".join(f".{name} = input_data_{name}" for name in inputs)
    taken = ", ".join(f".{name} = {name}" for name in outputs)
    run = (
        f"  struct {PREFIX}_inputs in = {{{given}}};\n"
        f"  struct {PREFIX}_outputs out = {{{taken}}};\n"
        f"{f'  {PREFIX}_reset();{chr(10)}' if program.states else ''}"
        f"  if ({PREFIX}_run(&in, &out) != 0) {{\n"
        '    printf("FAIL: the network did not run\\n");\n    return 1;\n  }'
    )
    checks = [
        _check(name, shown, tensor)
        for name, shown, tensor in zip(outputs, program.output_names, tensors, strict=True)
    ]
    real = any(tensor.dtype == "float32" for tensor in tensors)
    return _filled(
        "app_main.c",
        buffers="\n".join([*buffers, ""]),
        floats=_filled("app_main_floats.c") if real else "",
        run=run,
        checks="\n".join(checks),
    )


def _check(name: str, shown: str, tensor: Tensor) -> str:
    text, expected = string(shown), f"output_data_{name}"
    if tensor.dtype == "float32":
        return f"  failed |= floats_differ({text}, {name}, {expected}, {tensor.size});"
    width = np.dtype(tensor.dtype).itemsize
    return f"  failed |= integers_differ({text}, {name}, {expected}, {width}, {tensor.size});"


def _component_files(program: Program, sources: Sources, model_id: str) -> dict[Path, str]:
    component, generated = MODEL.parent, MODEL / "codegen" / "host"
    runtime = [f"model/runtime/{name}" for name in (*sources.kernels, "tvm_espdl_dump.c")]
    network = [f"model/codegen/host/src/default_lib{i}.c" for i in (0, 1)]
    listed = "\n".join(f'    "{name}"' for name in (*network, *runtime))
    return {
        component / "CMakeLists.txt": _filled(
            "component_CMakeLists.txt", sources=listed, chip=program.chip.name
        ),
        component / "crt_config" / "crt_config.h": _filled("crt_config.h"),
        MODEL / "metadata.json": _metadata(program, sources, model_id),
        generated / "include" / "tvmgen_default.h": sources.header,
        generated / "src" / "default_constants.h": sources.constants_header,
        generated / "src" / "default_lib0.c": sources.constants,
        generated / "src" / "default_lib1.c": sources.network,
    }


def _kernel_files(sources: Sources) -> dict[Path, bytes]:
    """The kernels that are called, and all headers."""
    wanted = {*sources.kernels, "tvm_espdl_dump.c"}
    found = sorted(KERNELS.iterdir())
    files = [f for f in found if f.suffix == ".h" or f.name in wanted]
    return {MODEL / "runtime" / file.name: file.read_bytes() for file in files}


def _metadata(program: Program, sources: Sources, model_id: str) -> str:
    chip: Chip = program.chip
    content = {
        "model_id": model_id,
        "tool": f"tvm-espdl {__version__}",
        "chip": chip.name,
        "rounding": chip.rounding,
        "inputs": _described(program.input_names, program.inputs, program),
        "outputs": _described(program.output_names, program.outputs, program),
        "states": _described(*_state_names(program), program),
        "arena_bytes": sources.plan.arena_bytes,
        "arena_lower_bound": sources.plan.lower_bound,
        "constant_bytes": sources.constant_bytes,
        "calls": [
            {"operator": step.operator.name, "inputs": step.inputs, "outputs": step.outputs}
            for step in program.steps
        ],
        "tensors": _described(program.values, program.values, program),
    }
    return json.dumps(content, indent=2) + "\n"


def _state_names(program: Program) -> tuple[list[str], list[str]]:
    names = [state.value for state in program.states]
    return names, names


def _described(names: Any, values: Any, program: Program) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "dtype": program.values[value].dtype,
            "shape": program.values[value].shape,
            "exponent": program.values[value].exponent,
        }
        for name, value in zip(names, values, strict=True)
    ]


def _template_files(folder: Path) -> dict[Path, bytes]:
    if not folder.is_dir():
        raise OutputError(
            "the template is no folder", where=str(folder), allowed="an existing folder"
        )
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder): file.read_bytes() for file in files}


def _write_whole(path: Path, files: Mapping[Path, bytes]) -> None:
    """Write all files beside the target first, then give the folder its name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(
            "the folder cannot be written", where=str(path), found=str(error)
        ) from error
    try:
        for name, content in files.items():
            file = staging / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        staging.chmod(0o755)
        staging.rename(path)
    except OSError as error:
        raise OutputError(
            "the folder cannot be written", where=str(path), found=str(error)
        ) from error
    finally:
        if staging.exists():
            shutil.rmtree(staging)
