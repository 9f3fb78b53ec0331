"""Writes the self-test's ESP-IDF project: a firmware that runs the vectors on a user's own board.

The files that it shares with the projects of networks are `codegen`'s; the folder appears whole or
not at all, and an existing one is never touched.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..chips import Chip
from ..codegen.kernels import RUNTIME
from ..files.output_files import write_folder
from ..version import __version__
from .firmware import Firmware
from .firmware_c import NAME, TEMPLATES, FirmwareTexts, firmware_texts

DUMP = "tvm_espdl_dump.c"
#: What ESP-IDF and the kernels of all operators take of the flash, generously.
CODE_BYTES = 1 << 20
#: A log of many differences takes longer than the task watchdog waits, whose lines would be in it.
SETTINGS = "CONFIG_ESP_TASK_WDT_EN=n\n"


def write_firmware(firmware: Firmware, path: str | os.PathLike[str]) -> FirmwareTexts:
    """Write the project into a new folder, whose name becomes the project's.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    from ..codegen.project import check_path

    check_path(path)
    folder, texts = Path(path), firmware_texts(firmware)
    write_folder(folder, firmware_files(firmware, folder.name, texts))
    return texts


def firmware_files(firmware: Firmware, name: str, texts: FirmwareTexts) -> dict[Path, bytes]:
    """Every file of a project by its path in the folder; the same vectors give the same bytes."""
    from ..codegen.project import MODEL
    from ..codegen.project_text import APP_ALIGNMENT, chip_lines, filled

    chip = firmware.chip
    app_bytes = -(-(len(texts.data) + CODE_BYTES) // APP_ALIGNMENT) * APP_ALIGNMENT
    generated = MODEL / "codegen" / "host"
    kernels = [file for file in texts.runtime if file.endswith(".c")]
    sources = [f"codegen/host/src/{NAME}.c", f"codegen/host/src/{NAME}.S"]
    sources += [f"runtime/{file}" for file in (*kernels, DUMP)]
    component = {
        "CMakeLists.txt": filled(
            "component_CMakeLists.txt",
            sources="\n".join(f'    "model/{source}"' for source in sources),
            chip=chip.name,
        ),
        "crt_config/crt_config.h": (TEMPLATES / "crt_config.h").read_text(),
    }
    main = {
        "app_main.c": (TEMPLATES / "app_main.c").read_text(),
        "CMakeLists.txt": filled("main_CMakeLists.txt"),
        "idf_component.yml": filled("idf_component.yml", idf_version=chip.idf_version),
    }
    written = {
        Path("CMakeLists.txt"): filled("CMakeLists.txt", chip=chip.name, project=name),
        Path("partitions.csv"): filled("partitions.csv", app_size=hex(app_bytes)),
        Path("sdkconfig.defaults"): _settings(chip, app_bytes),
        Path(f"sdkconfig.defaults.{chip.name}"): chip_lines(chip),
        **{Path("main") / file: text for file, text in main.items()},
        **{MODEL.parent / file: text for file, text in component.items()},
        MODEL / "metadata.json": _metadata(firmware, texts),
        generated / "include" / f"{NAME}.h": texts.vectors[f"{NAME}.h"],
        generated / "src" / f"{NAME}.c": texts.vectors[f"{NAME}.c"],
        generated / "src" / f"{NAME}.S": texts.vectors[f"{NAME}.S"],
        **{MODEL / "runtime" / file: text for file, text in texts.runtime.items()},
        MODEL / "runtime" / DUMP: (RUNTIME / DUMP).read_text(),
    }
    files = {path: text.encode() for path, text in written.items()}
    return files | {generated / "src" / f"{NAME}.bin": texts.data}


def _settings(chip: Chip, app_bytes: int) -> str:
    from ..codegen.project_text import APP_OFFSET, FLASH_MEGABYTES, filled

    needed = app_bytes + APP_OFFSET
    megabytes = next(size for size in FLASH_MEGABYTES if size << 20 >= needed)
    return filled("sdkconfig.defaults", chip=chip.name, flash_megabytes=megabytes) + SETTINGS


def _metadata(firmware: Firmware, texts: FirmwareTexts) -> str:
    """The text of metadata.json: what the firmware holds, and which kernel each vector gets."""
    content = {
        "selftest_id": firmware.identity,
        "tool": f"tvm-espdl {__version__}",
        "chip": firmware.chip.name,
        "constant_bytes": len(texts.data),
        "ram_bytes": texts.ram_bytes,
        "vectors": [
            {"name": v.name, "operator": v.operator.name, "kernel": v.kernel}
            for v in firmware.vectors
        ],
        "left_out": firmware.left_out,
    }
    return json.dumps(content, indent=2) + "\n"
