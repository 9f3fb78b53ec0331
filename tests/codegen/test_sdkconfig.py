"""What projects tell ESP-IDF, and what its own tools make of it where they are at hand."""

import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tvm_espdl.chips import CHIPS
from tvm_espdl.chips.settings import NONE, PSRAM_CHOICES, Board, release
from tvm_espdl.codegen.flash import CODE_BYTES, Flash, Partition, flash_for
from tvm_espdl.codegen.project_text import build_command
from tvm_espdl.codegen.sdkconfig import chip_lines, common_lines, psram_of
from tvm_espdl.errors import DataError
from tvm_espdl.report.settings_page import settings_markdown

BOARDS = [
    (name, Board(psram, revision.major))
    for name, chip in CHIPS.items()
    for revision in chip.project.revisions
    for psram in (NONE, *(each.mode for each in chip.project.psram))
]


def lines_of(name, board):
    chip = CHIPS[name]
    return chip_lines(chip, board, psram_of(chip, board, needed=False))


def options(text):
    return dict(re.findall(r"^CONFIG_(\w+)=(.*)$", text, re.MULTILINE))


@pytest.mark.parametrize(("name", "board"), BOARDS)
def test_every_line_has_its_reason_and_none_contradicts_another(name, board):
    lines = (common_lines(CHIPS[name], flash_for(0)) + lines_of(name, board)).splitlines()
    settings = [index for index, line in enumerate(lines) if not line.startswith("#")]
    assert all(re.match(r"# .{10,}\.$", lines[index - 1]) for index in settings)
    given = [lines[index].partition("=")[0] for index in settings]
    assert len(set(given)) == len(given)
    # kconfgen takes a comment that begins so for a value of ESP-IDF's own.
    assert not [line for line in lines if line.startswith("# default:")]
    assert max(map(len, lines)) <= 120


def test_the_page_is_current():
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text() == settings_markdown(), "run `python scripts/make_docs.py`"


@pytest.mark.parametrize("name", CHIPS)
def test_settings_ask_for_the_clock_of_the_chip(name):
    clocks = re.findall(r"CPU_FREQ_MHZ_(\d+)=y", lines_of(name, Board()))
    assert clocks == [str(CHIPS[name].clock_hz // 10**6)]


def test_psram_is_switched_on_where_a_board_has_it():
    for name, chip in CHIPS.items():
        assert psram_of(chip, Board(), needed=False) is None
        assert psram_of(chip, Board(NONE), needed=True) is None
        usual = psram_of(chip, Board(), needed=True)
        assert usual == (chip.project.psram[0] if chip.project.psram else None)
        assert "SPIRAM" not in lines_of(name, Board())
    octal, quad = (lines_of("esp32s3", Board(mode)) for mode in ("octal", "quad"))
    assert options(octal)["SPIRAM_MODE_OCT"] == options(quad)["SPIRAM_MODE_QUAD"] == "y"


def test_code_runs_from_psram_only_where_it_fits_the_smallest():
    chip = CHIPS["esp32s3"]
    quad = psram_of(chip, Board("quad"), needed=True)
    fits, too_large = (chip_lines(chip, Board("quad"), quad, (2 << 20) + over) for over in (0, 1))
    assert "SPIRAM_XIP_FROM_PSRAM" in options(fits)
    assert "SPIRAM_XIP_FROM_PSRAM" not in options(too_large)


@pytest.mark.parametrize(
    ("name", "board", "allowed"),
    [
        ("esp32c3", Board("quad"), "auto, none"),
        ("esp32s3", Board("hex"), "auto, none, octal, quad"),
        ("esp32p4", Board(revision="2"), "3, 1"),
    ],
)
def test_boards_that_no_chip_has_are_refused(name, board, allowed):
    with pytest.raises(DataError, match=f"allowed: {allowed};"):
        lines_of(name, board)
    assert {board.psram for _, board in BOARDS} | {"auto"} == set(PSRAM_CHOICES)


def test_preview_chips_are_asked_for_so():
    said = {name for name, chip in CHIPS.items() if "--preview" in build_command(chip)}
    assert said == {"esp32s31"}


@pytest.mark.parametrize(
    ("constants", "megabytes"),
    [(0, 2), ((2 << 20) - 0x10000 - CODE_BYTES, 2), (2 << 20, 4), (5 << 20, 8), (15 << 20, 16)],
)
def test_the_application_gets_the_smallest_flash_that_holds_it(constants, megabytes):
    flash = flash_for(constants)
    rows = [row for row in csv.reader(flash.table().splitlines()) if not row[0].startswith("#")]
    (name, kind, subtype, offset, size), *others = [[cell.strip() for cell in row] for row in rows]
    assert (name, kind, subtype, others) == ("factory", "app", "factory", [])
    assert flash.megabytes == megabytes
    assert int(offset, 16) + int(size, 16) == megabytes << 20
    assert int(size, 16) >= constants + CODE_BYTES


def test_more_than_is_mapped_fits_no_flash():
    assert flash_for((16 << 20) - 0x10000 - CODE_BYTES) is not None
    assert flash_for((16 << 20) - 0x10000 - CODE_BYTES + 1) is None


@pytest.mark.parametrize(
    "parts",
    [
        (("a", "data", 0x8000, 0x1000),),
        (("a", "data", 0x9000, 0x2000), ("b", "data", 0xA000, 0x1000)),
        (("a", "app", 0x11000, 0x1000),),
        (("a", "app", 0x10000, 2 << 20),),
        (("a", "app", 0x10000, 0),),
        (("a", "app", 0x10000, 0x1001),),
    ],
)
def test_partitions_that_do_not_fit_are_seen(parts):
    with pytest.raises(ValueError, match="partition"):
        Flash(2, tuple(Partition(n, kind, "x", offset, size) for n, kind, offset, size in parts))


def kconfgen(idf, chip, folder, *texts):
    """The options that ESP-IDF in `idf` makes of a project's lines, and what it does not know."""
    for number, text in enumerate(texts):
        (folder / f"defaults.{number}").write_text(text)
    components = sorted(path for path in (idf / "components").iterdir() if path.is_dir())
    sources = {}
    for kind, name in (("", "Kconfig"), ("_PROJBUILD", "Kconfig.projbuild")):
        files = [path / name for path in components if (path / name).is_file()]
        sources[kind] = folder / f"kconfigs{kind}.in"
        sources[kind].write_text("".join(f'source "{file}"\n' for file in files))
    excluded = folder / "excluded.in"
    excluded.write_text("")
    renames = [path for c in components for path in sorted(c.glob("sdkconfig.rename"))]
    renames += [path for c in components for path in c.glob(f"sdkconfig.rename.{chip}")]
    version = ".".join(map(str, version_of(idf)))
    environment = {
        "IDF_TARGET": chip,
        "IDF_PATH": str(idf),
        "IDF_VERSION": version,
        "IDF_INIT_VERSION": version,
        "IDF_TOOLCHAIN": "gcc",
        "IDF_ENV_FPGA": "",
        "IDF_MINIMAL_BUILD": "n",
        **{
            f"COMPONENT_KCONFIGS{kind}{ending}": str(file)
            for kind, file in sources.items()
            for ending, file in (("_SOURCE_FILE", file), ("_EXCLUDED_SOURCE_FILE", excluded))
        },
        "COMPONENT_SDKCONFIG_RENAMES": " ".join(map(str, renames)),
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    out = folder / "sdkconfig"
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "kconfgen", "--kconfig", idf / "Kconfig"]
    command += ["--sdkconfig-rename", idf / "sdkconfig.rename", "--config", out]
    for number in range(len(texts)):
        command += ["--defaults", folder / f"defaults.{number}"]
    command += ["--env-file", folder / "environment.json", "--output", "config", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    made = options(out.read_text())
    off = re.findall(r"^# CONFIG_(\w+) is not set$", out.read_text(), re.MULTILINE)
    return made | dict.fromkeys(off, "n")


def version_of(idf):
    text = (idf / "tools" / "cmake" / "version.cmake").read_text()
    numbers = dict(re.findall(r"IDF_VERSION_(MAJOR|MINOR|PATCH) (\d+)", text))
    return tuple(int(numbers[part]) for part in ("MAJOR", "MINOR", "PATCH"))


@pytest.fixture(scope="session")
def esp_idf():
    """An ESP-IDF, of which the Kconfig files are enough, and its `kconfgen`."""
    idf = Path(os.environ.get("IDF_PATH", ""))
    if importlib.util.find_spec("kconfgen") is None or not (idf / "Kconfig").is_file():
        pytest.skip("no ESP-IDF in $IDF_PATH, or no kconfgen: pip install esp-idf-kconfig")
    return idf


@pytest.mark.parametrize(("name", "board"), BOARDS)
def test_esp_idf_takes_every_line_that_it_knows(name, board, esp_idf, tmp_path):
    """It never fails on bad lines: what counts is what comes out."""
    chip, version = CHIPS[name], version_of(esp_idf)
    revision = chip.project.revision(board)
    if not takes(revision.idf_versions, version):
        pytest.skip(f"{revision.idf_versions} makes firmware for this chip")
    common, own = common_lines(chip, flash_for(0)), lines_of(name, board)
    made = kconfgen(esp_idf, name, tmp_path, common, own)
    settings = [*chip.project.settings, *revision.settings]
    later = {
        setting.line.partition("=")[0] for setting in settings if release(setting.since) > version
    }
    for option, value in options(common + own).items():
        if option not in later:
            assert made.get(option, "n") == value, option


def takes(versions, version):
    """Whether a range of a component's manifest holds a version."""
    judged = []
    for part in versions.split(","):
        sign, number = re.match(r"(>=|!=)(.*)", part).groups()
        limit = release(number)
        judged.append(version >= limit if sign == ">=" else version != limit)
    return all(judged)
