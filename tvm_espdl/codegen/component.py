"""The component of a network for ESP-IDF's build system: its sources, and what it depends on.

ESP-DL is a dependency only where its kernels are called, and of exactly one version: the glue fills
structures that are ESP-DL's own and change without notice.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..chips import CHIPS, Chip
from ..chips.settings import ANY_BOARD, Board
from .filling import filled
from .implementations import Implementations
from .kernels import RUNTIME
from .network_name import NetworkName

#: What prints tensors and cycles where that is switched on.
SUPPORT = ("tvm_espdl_dump.c", "tvm_espdl_profile.c")

#: The release whose kernels the glue calls.
ESP_DL_VERSION = "3.3.9"


def component_cmake(
    runtime: Implementations,
    chip: Chip,
    callers: Iterable[str],
    name: NetworkName,
    *,
    psram: bool = False,
) -> str:
    """Text of the component's `CMakeLists.txt`.

    `callers` are the files that call kernels, and those in assembly, which include a binary file of
    their name; `psram` says whether they have arrays in PSRAM, whose options ESP-IDF has only where
    a component asks for it.
    """
    network = [f"model/codegen/host/src/{name}" for name in callers]
    included = [path.removesuffix(".S") for path in network if path.endswith(".S")]
    common = [*network, *_runtime(runtime.always), *_runtime(map(name.own, SUPPORT))]
    choice = glue = ""
    required = ["esp_psram"] if psram else []
    if runtime.glue:
        choice = filled(
            "component_choice.cmake",
            portable=_listed(_runtime(runtime.portable)),
            glue=_listed(_runtime(runtime.glue)),
        )
        glue = filled("component_glue.cmake", version=ESP_DL_VERSION)
        required.append("${esp_dl}")
    return filled(
        "component_CMakeLists.txt",
        sources=_listed(common),
        included="".join(filled("component_included.cmake", path=path) for path in included),
        choice=choice,
        requires=f"\n  PRIV_REQUIRES {' '.join(required)}" if required else "",
        glue=glue,
        chip=chip.name,
        network=name.text,
    )


def support_files(name: NetworkName) -> dict[str, str]:
    """The sources of `SUPPORT`, by the names of the files."""
    return {name.own(file): name.own((RUNTIME / file).read_text()) for file in SUPPORT}


def component_manifest(runtime: Implementations, chip: Chip, board: Board = ANY_BOARD) -> str:
    """Text of the component's `idf_component.yml`: ESP-IDF, and ESP-DL where it is called."""
    text = filled(
        "component_idf_component.yml", idf_versions=chip.project.revision(board).idf_versions
    )
    if runtime.glue:
        alike = [other.name for other in CHIPS.values() if other.family == chip.family]
        text += filled("component_esp_dl.yml", version=ESP_DL_VERSION, chips=", ".join(alike))
    return text


def _runtime(names: Iterable[str]) -> list[str]:
    return [f"model/runtime/{name}" for name in names]


def _listed(names: Iterable[str]) -> str:
    return "\n".join(f'  "{name}"' for name in names)
