"""The chip as it is set: clock, caches, buses, and where constants are read from.

The defaults are what exported projects set; what a user states comes on top. It has no figures of
its own beside those of `chips.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

from ..chips import Chip
from ..codegen.memory_choice import choice_of
from ..errors import EspdlError

Weights = Literal["flash", "psram"]
Tensors = Literal["internal", "psram"]
Filters = Literal["sliced", "whole"]

_CHOICES = {
    "weights": get_args(Weights),
    "tensors": get_args(Tensors),
    "filters": get_args(Filters),
}

_KIB = 1024
_MHZ = 1_000_000
#: Crystals have 40 MHz and can be divided by 4.
_LEAST_MHZ = 10
#: No bus of these chips comes near either end.
_MBPS = (0.1, 10_000)


@dataclass(frozen=True)
class Settings:
    """What a user states about the firmware; None for what exported projects set.

    Attributes
    ----------
    clock_mhz : float or None
        Clock of the CPU.
    data_cache_kb, cache_line : int or None
        Of the outermost data cache: 1024 bytes, and bytes of a line.
    psram_mbps, flash_mbps : float or None
        What is fetched from it in 10^6 bytes a second, in cache lines.
    weights : str or None
        `flash` or `psram`: where constants are read from.
    tensors : str or None
        `internal` or `psram`: where the arena is.
    internal_ram : int or None
        Bytes of internal memory that arenas and states may take, as of `export`.
    filters : str or None
        `sliced` as far as that pays, or `whole`, as with TVM_ESPDL_WHOLE_FILTERS.
    """

    clock_mhz: float | None = None
    data_cache_kb: int | None = None
    cache_line: int | None = None
    psram_mbps: float | None = None
    flash_mbps: float | None = None
    weights: Weights | None = None
    tensors: Tensors | None = None
    internal_ram: int | None = None
    filters: Filters | None = None

    @property
    def stated(self) -> tuple[str, ...]:
        """Those that are not None."""
        return tuple(name for name, value in vars(self).items() if value is not None)


@dataclass(frozen=True)
class Machine:
    """A chip with all its settings.

    Attributes
    ----------
    clock_hz : float
        Clock of the CPU.
    caches : tuple of (int, int)
        Bytes and ways, the one beside the CPU first.
    line_bytes : int
        Of the outermost one.
    flash_mbps, psram_mbps : float
        10^6 bytes a second, in lines; 0 without PSRAM.
    weights : str or None
        `flash` or `psram`; None where projects decide: PSRAM, where the network needs it anyway.
    tensors : str or None
        `internal` or `psram`; None for internal memory as far as it suffices.
    internal_ram : int or None
        Bytes of it that arenas and states may take; None for what exported projects let them have.
    internal_bytes : int
        Internal memory that a network's arrays may take, when ESP-IDF has its part.
    filters : str
        `sliced` or `whole`: those that are larger than a cache.
    """

    chip: Chip
    clock_hz: float
    caches: tuple[tuple[int, int], ...]
    line_bytes: int
    flash_mbps: float
    psram_mbps: float
    weights: Weights | None
    tensors: Tensors | None
    internal_ram: int | None
    internal_bytes: int
    filters: Filters

    def constant_cycles(self, weights: Weights) -> float:
        """Cycles of a byte of a constant that is fetched."""
        rate = self.flash_mbps if weights == "flash" else self.psram_mbps
        return self.clock_hz / _MHZ / rate

    @property
    def tensor_cycles(self) -> float:
        """Cycles of a byte of a tensor in PSRAM that is fetched; 0 without PSRAM."""
        return self.clock_hz / _MHZ / self.psram_mbps if self.psram_mbps else 0.0


def machine_of(chip: Chip, settings: Settings | None = None) -> Machine:
    """A chip as `settings` have it.

    Raises
    ------
    EspdlError
        If a number is not positive (of `internal_ram`, negative) or beyond the chip, PSRAM is
        asked of one that has none, or internal memory for an arena that is to be in PSRAM.
    """
    stated, memory = Settings() if settings is None else settings, chip.external_memory
    if not isinstance(stated, Settings):
        raise EspdlError("no settings", where="settings", found=repr(stated), allowed="Settings")
    _refuse(chip, stated)
    caches, line = memory.caches, stated.cache_line or memory.line_bytes
    if stated.data_cache_kb is not None:
        caches = (*caches[:-1], (stated.data_cache_kb * _KIB, caches[-1][1]))
    psram = memory.psram.megabytes_per_second(line) if memory.psram is not None else 0.0
    return Machine(
        chip=chip,
        clock_hz=stated.clock_mhz * _MHZ if stated.clock_mhz else chip.clock_hz,
        caches=caches,
        line_bytes=line,
        flash_mbps=stated.flash_mbps or memory.flash.megabytes_per_second(line),
        psram_mbps=stated.psram_mbps or psram,
        weights=stated.weights,
        tensors=stated.tensors,
        internal_ram=stated.internal_ram,
        internal_bytes=sum(chip.memories.internal()),
        filters=stated.filters or "sliced",
    )


def _bounds(chip: Chip, name: str) -> tuple[float, float]:
    """The least and the most that a chip's setting can be."""
    if name == "clock_mhz":
        return _LEAST_MHZ, chip.clock_hz / _MHZ
    return (1, chip.sram_bytes / _KIB) if name == "data_cache_kb" else _MBPS


def _refuse(chip: Chip, stated: Settings) -> None:
    choices: dict[str, tuple[object, ...]] = {**_CHOICES, "cache_line": chip.external_memory.lines}
    for name in stated.stated:
        value = getattr(stated, name)
        if name == "internal_ram":
            choice_of(value, "static", "flash")
            continue
        if name in choices:
            wrong, allowed = value not in choices[name], ", ".join(map(str, choices[name]))
        else:
            least, most = _bounds(chip, name)
            wrong = not (isinstance(value, Real) and least <= float(value) <= most)
            allowed = f"a number from {least:g} to {most:g}"
        if wrong:
            raise EspdlError(
                "no such setting",
                where=f"--{name}",
                found=repr(value),
                allowed=f"{allowed} on {chip.name}",
            )
    if stated.tensors == "psram" and stated.internal_ram is not None:
        raise EspdlError(
            "an option without effect",
            where="--internal_ram",
            found="--tensors psram",
            allowed="one of them: what internal memory has no room for goes to PSRAM anyway",
        )
    if chip.external_memory.psram is not None:
        return
    for name in ("weights", "tensors", "psram_mbps"):
        if getattr(stated, name) not in (None, "flash", "internal"):
            raise EspdlError(
                f"{chip.name} has no PSRAM",
                where=f"--{name}",
                found=getattr(stated, name),
                try_="without it, or another --target_chip",
            )
