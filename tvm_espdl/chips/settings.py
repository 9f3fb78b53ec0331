"""What ESP-IDF is told about each chip: lines of sdkconfig, each with its reason, and versions.

Facts of ESP-IDF 5.3 to 6.1: every line was set by Espressif's own `kconfgen` from the Kconfig files
of each version. Lines that a version does not know yet it passes over with a note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import DataError

#: `auto`: PSRAM is switched on where the network needs it, in the chip's first mode.
AUTO = "auto"
#: The board has no PSRAM, or the network is not to use it.
NONE = "none"


@dataclass(frozen=True)
class Setting:
    """One line of sdkconfig.

    Attributes
    ----------
    line : str
        Option and value, without `CONFIG_`.
    why : str
        A line for users.
    since : str
        The first release of ESP-IDF that knows it; "" where all from 5.3 do.
    """

    line: str
    why: str
    since: str = ""


@dataclass(frozen=True)
class Psram:
    """Memory beside the chip that boards have in one way.

    Attributes
    ----------
    mode : str
        How it is wired: `quad`, `octal` or `hex`.
    least_bytes : int
        What the smallest such memory holds.
    settings : tuple of Setting
        What switches it on, at its highest speed, for arrays, too.
    runs_code : tuple of Setting
        What copies code and constants into it when the chip starts; empty where the chip cannot.
    """

    mode: str
    least_bytes: int
    settings: tuple[Setting, ...]
    runs_code: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Revision:
    """Silicon of a chip that wants firmware of its own.

    Attributes
    ----------
    major : str
        The number before the point.
    idf_versions : str
        Releases of ESP-IDF that make such firmware, as component manifests say it.
    settings : tuple of Setting
        What makes firmware for it.
    """

    major: str
    idf_versions: str
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Board:
    """What a user says of his board.

    Attributes
    ----------
    psram : str
        `auto`, `none`, or one of the chip's modes.
    revision : str
        Major revision of the silicon; "" for the one that is sold today.
    """

    psram: str = AUTO
    revision: str = ""


#: One of which nothing is said.
ANY_BOARD = Board()


@dataclass(frozen=True)
class ProjectSettings:
    """What projects for one chip tell ESP-IDF.

    Attributes
    ----------
    settings : tuple of Setting
        Lines for every project.
    revisions : tuple of Revision
        The one that is sold today, and others.
    psram : tuple of Psram
        In the ways that boards have it, the usual one first; empty where the chip takes none.
    preview : bool
        Whether `idf.py` knows the chip with `--preview` alone.
    emulators : tuple of str
        Services of pytest-embedded that emulate it.
    """

    settings: tuple[Setting, ...]
    revisions: tuple[Revision, ...] = (Revision("0", ">=5.3"),)
    psram: tuple[Psram, ...] = ()
    preview: bool = False
    emulators: tuple[str, ...] = ()

    def revision(self, board: Board) -> Revision:
        """The silicon of a board.

        Raises
        ------
        DataError
            If firmware does not depend on it so.
        """
        found = [each for each in self.revisions if board.revision in ("", each.major)]
        if not found:
            raise DataError(
                "unknown revision of the chip",
                where="chip revision",
                found=repr(board.revision),
                allowed=", ".join(each.major for each in self.revisions),
                try_=f"--chip_revision {self.revisions[0].major}, or none",
            )
        return found[0]

    def memory(self, board: Board) -> Psram | None:
        """The PSRAM that a network may use: None without; for `auto` the chip's usual one.

        Raises
        ------
        DataError
            If the chip takes none of the mode.
        """
        if board.psram == NONE:
            return None
        found = [each for each in self.psram if board.psram in (AUTO, each.mode)]
        if not found and board.psram != AUTO:
            raise DataError(
                "the chip has no such PSRAM",
                where="PSRAM",
                found=repr(board.psram),
                allowed=", ".join((AUTO, NONE, *(each.mode for each in self.psram))),
                try_="--psram auto",
            )
        return found[0] if found else None


#: The modes of all chips, and the two answers that every chip takes.
PSRAM_CHOICES = (AUTO, NONE, "quad", "octal", "hex")

#: Lines of every project, beside the chip and the size of its flash.
COMMON = (
    Setting("COMPILER_OPTIMIZATION_PERF=y", "-O2: the default, -Og, is for debuggers"),
    Setting(
        "ESPTOOLPY_FLASHMODE_QIO=y",
        "constants and code come over four lines from the flash, not over two",
    ),
    Setting("PARTITION_TABLE_CUSTOM=y", "the application gets all of the flash: it stores nothing"),
    Setting('PARTITION_TABLE_CUSTOM_FILENAME="partitions.csv"', "the table of it"),
    Setting(
        "ESP_MAIN_TASK_STACK_SIZE=8192",
        "printf and ESP-DL's C++ in app_main want more than the default, 3584 bytes",
    ),
    Setting(
        "ESP_TASK_WDT_EN=n",
        "runs and dumps may take longer than the task watchdog waits: its lines would be in them",
    ),
)

_MIB = 1 << 20


def _clock(mhz: int) -> Setting:
    return Setting(f"ESP_DEFAULT_CPU_FREQ_MHZ_{mhz}=y", "the highest clock")


def _psram(mode: str, least_bytes: int, *ways: Setting, mhz: int, runs_code: bool = True) -> Psram:
    """Arrays may be in it; code, too, where `runs_code`."""
    settings = (
        Setting("SPIRAM=y", f"the board has {mode} PSRAM: without one, the firmware stops at once"),
        *ways,
        Setting(f"SPIRAM_SPEED_{mhz}M=y", "the highest clock that it takes without experiments"),
        Setting("SPIRAM_ALLOW_BSS_SEG_EXTERNAL_MEMORY=y", "arrays may be in PSRAM"),
    )
    code = Setting(
        "SPIRAM_XIP_FROM_PSRAM=y", "code and constants are read from PSRAM: faster than from flash"
    )
    return Psram(mode, least_bytes, settings, (code,) if runs_code else ())


_QUAD = Setting("SPIRAM_MODE_QUAD=y", "four data lines to the PSRAM")
_OCTAL = Setting("SPIRAM_MODE_OCT=y", "eight data lines to the PSRAM")

_LARGE_CACHE = "the largest cache: weights and tensors are read over and over"

ESP32 = ProjectSettings(
    settings=(
        _clock(240),
        Setting("ESPTOOLPY_FLASHFREQ_80M=y", "the highest clock of the flash; the default is 40M"),
    ),
    revisions=(
        Revision("0", ">=5.3"),
        Revision(
            "3",
            ">=5.3",
            (Setting("ESP32_REV_MIN_3=y", "code need not work round the caches of older silicon"),),
        ),
    ),
    psram=(_psram("quad", 4 * _MIB, mhz=80, runs_code=False),),
    emulators=("qemu",),
)

ESP32S2 = ProjectSettings(
    settings=(
        _clock(240),
        Setting("ESP32S2_INSTRUCTION_CACHE_16KB=y", _LARGE_CACHE),
        Setting("ESP32S2_DATA_CACHE_16KB=y", _LARGE_CACHE),
    ),
    psram=(_psram("quad", 2 * _MIB, mhz=80),),
)

ESP32S3 = ProjectSettings(
    settings=(
        _clock(240),
        Setting("ESP32S3_INSTRUCTION_CACHE_32KB=y", _LARGE_CACHE),
        Setting("ESP32S3_DATA_CACHE_64KB=y", _LARGE_CACHE),
        Setting("ESP32S3_DATA_CACHE_LINE_64B=y", "arrays are read from front to back"),
    ),
    psram=(
        _psram("octal", 8 * _MIB, _OCTAL, mhz=80),
        _psram("quad", 2 * _MIB, _QUAD, mhz=80),
    ),
    emulators=("qemu",),
)

ESP32C2 = ProjectSettings(settings=(_clock(120),))

ESP32C3 = ProjectSettings(settings=(_clock(160),), emulators=("qemu", "espemu"))

ESP32C5 = ProjectSettings(
    settings=(_clock(240),),
    revisions=(Revision("1", ">=5.5.1"),),
    psram=(_psram("quad", 4 * _MIB, mhz=80),),
    emulators=("espemu",),
)

ESP32C6 = ProjectSettings(settings=(_clock(160),), emulators=("espemu",))

_OLDER_P4 = (
    Setting(
        "ESP32P4_SELECTS_REV_LESS_V3=y",
        "silicon before 3.0 takes no firmware for later one, nor the other way round",
        "5.4.4",
    ),
    Setting("ESP32P4_REV_MIN_100=y", "silicon from 1.0", "5.4.4"),
    Setting("ESP_DEFAULT_CPU_FREQ_MHZ_360=y", "the highest clock of this silicon"),
    Setting(
        "IDF_EXPERIMENTAL_FEATURES=y", "releases before 5.4.4 have PSRAM at 200 MHz among them"
    ),
)

ESP32P4 = ProjectSettings(
    settings=(
        Setting("CACHE_L2_CACHE_256KB=y", "a large cache: weights are read over and over"),
        Setting("CACHE_L2_CACHE_LINE_128B=y", "arrays are read from front to back"),
    ),
    revisions=(
        Revision(
            "3",
            ">=5.4.4,!=5.5.0,!=5.5.1",
            (
                Setting(
                    "ESP32P4_SELECTS_REV_LESS_V3=n",
                    "silicon from 3.0: earlier one stops in the boot loader, and is asked for by "
                    "--chip_revision 1",
                    "5.4.4",
                ),
                Setting("ESP_DEFAULT_CPU_FREQ_MHZ_400=y", "the highest clock", "5.4.4"),
            ),
        ),
        Revision("1", ">=5.3", _OLDER_P4),
    ),
    psram=(_psram("hex", 16 * _MIB, mhz=200),),
    emulators=("espemu",),
)

ESP32S31 = ProjectSettings(
    settings=(_clock(320),),
    revisions=(Revision("0", ">=6.1"),),
    psram=(_psram("octal", 8 * _MIB, _OCTAL, mhz=250),),
    preview=True,
    emulators=("espemu",),
)

_RELEASE = re.compile(r"\d+(?:\.\d+)*")


def release(version: str) -> tuple[int, ...]:
    """A release of ESP-IDF as numbers that can be compared: `v5.5.2-dirty` is (5, 5, 2)."""
    found = _RELEASE.search(version)
    return tuple(map(int, found[0].split("."))) if found else ()
