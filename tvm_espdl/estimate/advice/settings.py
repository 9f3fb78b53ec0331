"""Advice on settings of the firmware: those of projects against what is stated, and faster ones.

Each candidate is a second estimate of the same program.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from ...chips import Chip
from ...chips.external import Faster
from ..evaluation import Figures, figures_of
from ..machine import Settings
from .entry import Advice

#: What a user may have stated, in words, and a part of the line of sdkconfig that it stands for.
_STATED = {
    "clock_mhz": ("run at the highest clock", "CPU_FREQ"),
    "data_cache_kb": ("make the data cache as large as it can be", "CACHE"),
    "cache_line": ("fetch longer cache lines", "CACHE_LINE"),
    "psram_mbps": ("run the PSRAM as fast as it can be without experiments", "SPIRAM"),
    "flash_mbps": ("run the flash as fast as it can be, on four lines", "FLASH"),
}
#: Tensors that one piece of advice names.
_MOST_NAMED = 4
#: Of every project.
_COMMON_LINES = ("ESPTOOLPY_FLASHMODE_QIO=y",)


def of_settings(figures: Figures) -> Iterator[Advice]:
    """Advice on lines of sdkconfig."""
    yield from _as_projects_have_it(figures)
    yield from _in_slices(figures)
    yield from _tensors_inside(figures)
    yield from _constants_in_psram(figures)
    for faster in figures.chip.external_memory.faster:
        yield from _beyond(figures, faster)


def _changed(figures: Figures, settings: Settings) -> Figures:
    return figures_of(
        figures.program,
        settings,
        figures.kernels,
        like=figures,
        calibration=figures.calibration,
    )


def _gain(figures: Figures, settings: Settings) -> float:
    return figures.milliseconds - _changed(figures, settings).milliseconds


def _as_projects_have_it(figures: Figures) -> Iterator[Advice]:
    for name in figures.settings.stated:
        if name not in _STATED:
            continue
        what, part = _STATED[name]
        lines = [line for line in _lines(figures.chip) if part in line]
        gain = _gain(figures, dataclasses.replace(figures.settings, **{name: None}))
        if lines and gain > 0:
            paste = "\n".join(f"CONFIG_{line}" for line in lines)
            yield Advice(f"{what}, as exported projects do", "", gain, "sdkconfig", paste)


def _in_slices(figures: Figures) -> Iterator[Advice]:
    """Filters that are larger than a cache, which a user says are whole."""
    if figures.settings.filters == "whole":
        gain = _gain(figures, dataclasses.replace(figures.settings, filters=None))
        what = "compute filters larger than the cache in slices, as exported projects do"
        if gain > 0:
            yield Advice(what, "", gain, "command", "idf.py build without TVM_ESPDL_WHOLE_FILTERS")


def _lines(chip: Chip) -> list[str]:
    project = chip.project
    settings = [*project.settings, *project.revisions[0].settings]
    settings += [setting for psram in project.psram[:1] for setting in psram.settings]
    return [*_COMMON_LINES, *(setting.line for setting in settings)]


def _tensors_inside(figures: Figures) -> Iterator[Advice]:
    """Tensors in PSRAM for which there is internal memory, if only the network may have it."""
    outside = _outside(figures)
    if not outside or (figures.settings.tensors is None and figures.settings.internal_ram is None):
        return
    # Constants stay where they are: with a network that needs no PSRAM they would leave it.
    kept = figures.layout.weights
    settings = dataclasses.replace(figures.settings, tensors=None, internal_ram=None, weights=kept)
    usual = _changed(figures, settings)
    enough = usual.layout.internal_bytes
    least = _changed(figures, dataclasses.replace(settings, internal_ram=enough))
    chosen = least if least.milliseconds <= usual.milliseconds else usual
    moved = sorted(outside - _outside(chosen), key=lambda name: (-_nbytes(figures, name), name))
    if not moved:
        return
    names = ", ".join(moved[:_MOST_NAMED])
    if len(moved) > _MOST_NAMED:
        names += f" and {len(moved) - _MOST_NAMED} more"
    more = chosen.layout.internal_bytes - figures.layout.internal_bytes
    flag = f" --internal_ram {enough}" if chosen is least else ""
    yield Advice(
        f"put {len(moved)} tensors into internal memory, largest first: {names}",
        f"takes {more:,} bytes of it",
        figures.milliseconds - chosen.milliseconds,
        "command",
        f"tvm-espdl export{flag} --weights {kept}",
    )


def _outside(figures: Figures) -> set[str]:
    """Values in PSRAM."""
    program, layout = figures.program, figures.layout
    return {name for name in layout.plan.places if layout.region(program, name) is not None}


def _nbytes(figures: Figures, value: str) -> int:
    return figures.program.values[value].nbytes


def _constants_in_psram(figures: Figures) -> Iterator[Advice]:
    usual = next(iter(figures.chip.project.psram), None)
    if figures.layout.weights == "psram" or usual is None or not usual.runs_code:
        return
    if figures.flash_bytes + figures.psram_bytes > usual.least_bytes:
        return
    gain = _gain(figures, dataclasses.replace(figures.settings, weights="psram"))
    lines = [setting.line for setting in (*usual.settings, *usual.runs_code)]
    yield Advice(
        f"read constants from PSRAM: {figures.machine.psram_mbps:.0f} MB/s, the flash has "
        f"{figures.machine.flash_mbps:.0f}",
        f"wants a board with {usual.mode} PSRAM, and {figures.flash_bytes:,} bytes of it",
        gain,
        "command",
        "\n".join(
            ["tvm-espdl export --weights psram; in a project of your own:"]
            + [f"CONFIG_{line}" for line in lines]
        ),
    )


def _beyond(figures: Figures, faster: Faster) -> Iterator[Advice]:
    changes: dict[str, Any] = {}
    line = figures.machine.line_bytes
    if faster.cache_bytes is not None:
        changes["data_cache_kb"] = faster.cache_bytes // 1024
    if faster.psram is not None:
        changes["psram_mbps"] = faster.psram.megabytes_per_second(line)
    if faster.flash is not None:
        changes["flash_mbps"] = faster.flash.megabytes_per_second(line)
    if any(getattr(figures.settings, name) is not None for name in changes):
        return  # The user has said what he has.
    gain = _gain(figures, dataclasses.replace(figures.settings, **changes))
    if gain > 0:
        what = f"set {faster.line.partition('=')[0]}, which projects leave out"
        yield Advice(what, faster.price, gain, "sdkconfig", f"CONFIG_{faster.line}")
