"""Writes the ESP-IDF project: the network's C, the kernels it uses, a main that checks itself.

The folder appears whole or not at all, and an existing one is never touched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OutputError
from ..files.output_files import write_folder
from ..ops.base.rounding import Array
from ..program import Program
from .kernels import RUNTIME
from .metadata import identity, metadata
from .project_main import main_files
from .project_text import filled
from .sdkconfig import app_bytes, chip_lines, flash_megabytes
from .sources import Sources, generate

if TYPE_CHECKING:
    from ..library import Library

DUMP = RUNTIME / "tvm_espdl_dump.c"
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
    write_folder(path, files)
    return path


def project_files(library: Library, name: str, sample_input: Any = None) -> dict[Path, bytes]:
    """Every file of a project by its path in the folder; the same input gives the same bytes."""
    program = library.program
    arrays = _sample(program, library, sample_input)
    expected = library.first_run(arrays)
    model_id = identity(program)
    sources = generate(program, model_id)
    texts = {
        Path("CMakeLists.txt"): filled("CMakeLists.txt", chip=program.chip.name, project=name),
        Path("partitions.csv"): filled("partitions.csv", app_size=hex(app_bytes(sources))),
        Path("sdkconfig.defaults"): filled(
            "sdkconfig.defaults",
            chip=program.chip.name,
            flash_megabytes=flash_megabytes(sources),
        ),
        Path(f"sdkconfig.defaults.{program.chip.name}"): chip_lines(program.chip),
        **main_files(program, arrays, expected),
        **_component_files(program, sources, model_id),
    }
    return {path: text.encode() for path, text in texts.items()}


def _sample(program: Program, library: Library, sample: Any) -> list[Array]:
    if sample is None:
        types = [program.values[name] for name in program.inputs]
        return [np.zeros(tensor.shape, tensor.dtype) for tensor in types]
    given = sample if isinstance(sample, (Mapping, list, tuple)) else [sample]
    return library.feed(dict(given) if isinstance(given, Mapping) else list(given))


def _component_files(program: Program, sources: Sources, model_id: str) -> dict[Path, str]:
    component, generated = MODEL.parent, MODEL / "codegen" / "host"
    kernels = [name for name in sources.runtime if name.endswith(".c")]
    runtime = [f"model/runtime/{name}" for name in (*kernels, DUMP.name)]
    network = [f"model/codegen/host/src/default_lib{i}.c" for i in (0, 1)]
    listed = "\n".join(f'    "{name}"' for name in (*network, *runtime))
    return {
        component / "CMakeLists.txt": filled(
            "component_CMakeLists.txt", sources=listed, chip=program.chip.name
        ),
        component / "crt_config" / "crt_config.h": filled("crt_config.h"),
        MODEL / "metadata.json": metadata(program, sources, model_id),
        generated / "include" / "tvmgen_default.h": sources.header,
        generated / "src" / "default_constants.h": sources.constants_header,
        generated / "src" / "default_lib0.c": sources.constants,
        generated / "src" / "default_lib1.c": sources.network,
        **{MODEL / "runtime" / name: text for name, text in sources.runtime.items()},
        MODEL / "runtime" / DUMP.name: DUMP.read_text(),
    }


def _template_files(folder: Path) -> dict[Path, bytes]:
    if not folder.is_dir():
        raise OutputError(
            "the template is no folder", where=str(folder), allowed="an existing folder"
        )
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder): file.read_bytes() for file in files}
