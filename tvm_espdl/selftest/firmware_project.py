"""Writes the self-test's ESP-IDF project: a firmware that runs the vectors on a user's own board.

The files that it shares with the projects of networks are `codegen`'s; the folder appears whole or
not at all, and an existing one is never touched.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..codegen.flash import FLASH_MEGABYTES, Flash, app_bytes, flash_for
from ..errors import DataError
from ..files.output_files import write_folder
from ..version import __version__
from .firmware import Firmware
from .firmware_c import NAME, TEMPLATES, FirmwareTexts, firmware_texts

#: What ESP-IDF and the kernels of all operators take of the flash, generously.
CODE_BYTES = 1 << 20


def write_firmware(firmware: Firmware, path: str | os.PathLike[str]) -> FirmwareTexts:
    """Write the project into a new folder, whose name becomes the project's.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    DataError
        If the vectors are more than a flash holds.
    """
    from ..codegen.project import check_path

    check_path(path)
    folder, texts = Path(path), firmware_texts(firmware)
    write_folder(folder, firmware_files(firmware, folder.name, texts))
    return texts


def firmware_files(firmware: Firmware, project: str, texts: FirmwareTexts) -> dict[Path, bytes]:
    """Every file of a project by its path in the folder; the same vectors give the same bytes.

    Raises
    ------
    DataError
        If the vectors are more than a flash holds.
    """
    from ..codegen.component import component_cmake, component_manifest, support_files
    from ..codegen.filling import filled
    from ..codegen.network_name import DEFAULT_NAME as name
    from ..codegen.project_text import project_cmake
    from ..codegen.sdkconfig import chip_lines, common_lines

    chip, runtime, flash = firmware.chip, texts.runtime, _flash(firmware, texts)
    component, model = name.component, name.component / "model"
    generated = model / "codegen" / "host"
    written = {
        Path("CMakeLists.txt"): project_cmake(project, chip),
        Path("partitions.csv"): flash.table(),
        Path("sdkconfig.defaults"): common_lines(chip, flash),
        Path(f"sdkconfig.defaults.{chip.name}"): chip_lines(chip),
        Path("main/app_main.c"): (TEMPLATES / "app_main.c").read_text(),
        Path("main/CMakeLists.txt"): filled("main_CMakeLists.txt", component=component.name),
        component / "CMakeLists.txt": component_cmake(
            runtime, chip, (f"{NAME}.c", f"{NAME}.S"), name
        ),
        component / "idf_component.yml": component_manifest(runtime, chip),
        component / "crt_config" / "crt_config.h": (TEMPLATES / "crt_config.h").read_text(),
        model / "metadata.json": _metadata(firmware, texts),
        generated / "include" / f"{NAME}.h": texts.vectors[f"{NAME}.h"],
        generated / "src" / f"{NAME}.c": texts.vectors[f"{NAME}.c"],
        generated / "src" / f"{NAME}.S": texts.vectors[f"{NAME}.S"],
        **{model / "runtime" / file: text for file, text in runtime.files.items()},
        **{model / "runtime" / file: text for file, text in support_files(name).items()},
    }
    files = {path: text.encode() for path, text in written.items()}
    return files | {generated / "src" / f"{NAME}.bin": texts.data}


def _flash(firmware: Firmware, texts: FirmwareTexts) -> Flash:
    flash = flash_for(len(texts.data), CODE_BYTES)
    if flash is None:
        largest = FLASH_MEGABYTES[-1]
        raise DataError(
            "the vectors do not fit the flash",
            where=f"firmware for {firmware.chip.name}",
            found=f"{len(texts.data) + CODE_BYTES} bytes with code",
            allowed=f"{app_bytes(largest)} bytes in {largest} MB of flash",
            try_="--golden with fewer of them",
        )
    return flash


def _metadata(firmware: Firmware, texts: FirmwareTexts) -> str:
    """The text of metadata.json: what the firmware holds, and which kernel each vector gets."""
    content = {
        "selftest_id": firmware.identity,
        "tool": f"tvm-espdl {__version__}",
        "chip": firmware.chip.name,
        "constant_bytes": len(texts.data),
        "ram_bytes": texts.ram_bytes,
        "vectors": [
            {
                "name": vector.name,
                "operator": vector.operator.name,
                "kernel": vector.chosen.kernel,
                "why": vector.chosen.why,
            }
            for vector in firmware.vectors
        ],
        "left_out": firmware.left_out,
    }
    return json.dumps(content, indent=2) + "\n"
