"""Writes the ESP-IDF project: the network's C, the kernels it uses, a main that checks itself.

The folder appears whole or not at all, and an existing one is never touched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..chips import Chip
from ..chips.settings import ANY_BOARD, Board, Psram
from ..errors import DataError, ModelError, OutputError
from ..files.output_files import path_of, write_folder
from ..ops.base.rounding import Array
from ..program import Program
from ..program.border.formats import as_border
from ..program.border.ports import Border
from ..program.identity import identity
from ..program.kernels import Preference
from .board_test import board_test
from .component import component_cmake, component_manifest, support_files
from .filling import filled
from .fitting import check_fit
from .flash import CODE_BYTES, FLASH_MEGABYTES, Flash, app_bytes, flash_for
from .memory_choice import DEFAULT_CHOICE, MemoryChoice
from .network_name import DEFAULT_NAME, NetworkName
from .project_main import main_files
from .project_text import metadata, project_cmake
from .sdkconfig import chip_lines, common_lines, psram_of
from .sources import Sources, generate
from .user_template import check_places, template_files


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuse a project's folder that is there, before any work is done.

    Raises
    ------
    OutputError
        If the folder exists, or it is no path at all.
    """
    if path_of(path).exists():
        raise OutputError(
            "the output folder exists",
            where=str(path),
            allowed="a folder that does not exist yet",
            try_="another name, or remove it yourself",
        )


def write_project(
    network: Program | Border,
    path: str | os.PathLike[str],
    inputs: Sequence[Array],
    expected: Sequence[Array],
    *,
    template: str | os.PathLike[str] | None = None,
    kernels: Preference = "auto",
    name: NetworkName = DEFAULT_NAME,
    memory: MemoryChoice = DEFAULT_CHOICE,
    board: Board = ANY_BOARD,
) -> Path:
    """Write the project of a network into a new folder, whose name becomes the project's.

    Parameters
    ----------
    network : Program or Border
        The network, with what firmware exchanges with it, or in the model's own form.
    inputs, expected : sequence of numpy.ndarray
        One sample and the outputs of a first run on it, compiled into the project; in the model's
        own form.
    template : path, optional
        A folder whose files replace ours or come on top, for example an own `main/app_main.c`.
    kernels : str
        Whose kernels it calls: `auto`, `esp-dl` or `portable`, as `program.kernels` has it.
    name : NetworkName
        The network's name in C.
    memory : MemoryChoice
        Where its tensors and constants lie on the chip.

    board : Board
        What is known of the board: its PSRAM, the revision of its chip.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    ModelError
        If a part of the network cannot be expressed in C, or the chip or its flash has too little
        memory; the message has the numbers.
    DataError
        If pixels are wanted, and the sample is not made of them; or the chip takes no such PSRAM,
        has less internal RAM than chosen, or its firmware does not depend on such a revision; or
        the template cannot be used.
    """
    check_path(path)
    folder = Path(path)
    own = {} if template is None else template_files(path_of(template, "template", DataError))
    files = project_files(
        *(network, folder.name, inputs, expected, kernels), name=name, memory=memory, board=board
    )
    check_places(own, files)
    write_folder(folder, {**files, **own})
    return folder


def project_files(
    network: Program | Border,
    project: str,
    inputs: Sequence[Array],
    expected: Sequence[Array],
    preference: Preference = "auto",
    *,
    name: NetworkName = DEFAULT_NAME,
    memory: MemoryChoice = DEFAULT_CHOICE,
    board: Board = ANY_BOARD,
) -> dict[Path, bytes]:
    """Every file of a project by its path in the folder; the same input gives the same bytes.

    Raises
    ------
    ModelError, DataError
        As `write_project`.
    """
    border = as_border(network)
    program, chip = border.program, border.program.chip
    refuse_empty(program)
    model_id = identity(border.network)
    sources = generate(border, model_id, preference, name, memory, board=board)
    given, taken = border.sample(inputs, expected)
    psram = psram_of(chip, board, needed=sources.psram_bytes > 0)
    flash = _flash(sources.constant_bytes)
    check_fit(program, sources.plan, sources.constant_bytes, sources.memory, board)
    texts = {
        Path("CMakeLists.txt"): project_cmake(project, chip),
        Path(f"pytest_{name.text}.py"): board_test(
            chip, name.text, model_id, has_vectors=bool(sources.runtime.glue)
        ),
        Path("partitions.csv"): flash.table(),
        Path("sdkconfig.defaults"): common_lines(chip, flash),
        Path(f"sdkconfig.defaults.{chip.name}"): _chip_lines(chip, board, psram, sources),
        **main_files(border, sources, given, taken),
        **_component_files(border, sources, board, psram),
        name.component / "model" / "metadata.json": metadata(
            border, sources, preference, board, flash
        ),
    }
    files = {path: text.encode() for path, text in texts.items()}
    return files | _large_constants(sources)


def refuse_empty(program: Program) -> None:
    """C has no arrays without elements.

    Raises
    ------
    ModelError
        If a value has none.
    """
    empty = {name: t.shape for name, t in program.values.items() if not t.size}
    if empty:
        name = next(iter(empty))
        told = _as_the_model_says(program, name)
        raise ModelError(
            "a tensor without elements cannot be expressed in C",
            where=f"tensor {told!r}",
            found=f"shape {empty[name]}",
            allowed="at least one element",
            try_="remove it from the model; on the PC the library runs all of it",
        )


def _as_the_model_says(program: Program, name: str) -> str:
    """What the model calls a value, where it is known: one that enters, leaves or has an origin."""
    own = {value: origin.tensor for value, origin in program.origins.items()}
    own |= zip(program.outputs, program.output_names or program.outputs, strict=True)
    own |= zip(program.inputs, program.input_names or program.inputs, strict=True)
    return own.get(name, name)


def _chip_lines(chip: Chip, board: Board, psram: Psram | None, sources: Sources) -> str:
    """What a project tells ESP-IDF of its chip, and of PSRAM where that is switched on."""
    loaded = sources.psram_bytes + sources.constant_bytes + CODE_BYTES
    return chip_lines(chip, board, psram, loaded)


def _flash(constant_bytes: int) -> Flash:
    flash = flash_for(constant_bytes)
    if flash is None:
        largest = FLASH_MEGABYTES[-1]
        raise ModelError(
            "the network does not fit the flash",
            where="weights and other constants",
            found=f"{constant_bytes} bytes, with at most {CODE_BYTES} bytes of code",
            allowed=f"{app_bytes(largest)} bytes in {largest} MB of flash: chips map no more",
            try_="int8 in the place of int16, fewer channels, or ESP-DL's runtime, which reads its "
            "model from a partition: --format espdl",
        )
    return flash


def _component_files(
    border: Border, sources: Sources, board: Board, psram: Psram | None
) -> dict[Path, str]:
    program, name = border.program, sources.name
    component, model = name.component, name.component / "model"
    generated, runtime = model / "codegen" / "host", model / "runtime"
    constants, network = name.sources
    config = name.own("crt_config.h")
    assembly = name.large_constants[:1] if sources.large_constants[1] else ()
    return {
        component / "CMakeLists.txt": component_cmake(
            *(sources.runtime, program.chip, (*name.sources, *assembly), name),
            psram=psram is not None,
        ),
        component / "idf_component.yml": component_manifest(sources.runtime, program.chip, board),
        component / "crt_config" / config: name.own(filled("crt_config.h")),
        generated / "include" / f"{name.prefix}.h": sources.header,
        generated / "src" / name.constants_header: sources.constants_header,
        generated / "src" / constants: sources.constants,
        generated / "src" / network: sources.network,
        **{runtime / file: text for file, text in sources.runtime.files.items()},
        **{runtime / file: text for file, text in support_files(name).items()},
    }


def _large_constants(sources: Sources) -> dict[Path, bytes]:
    text, data = sources.large_constants
    folder = sources.name.component / "model" / "codegen" / "host" / "src"
    assembly, image = (folder / file for file in sources.name.large_constants)
    return {assembly: text.encode(), image: data} if data else {}
