"""Caches and buses between each chip's CPU and its external memory, as exported projects set them.

Figures alone: what they come to for a network, others compute. The settings themselves, and why,
are in `settings`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bus:
    """A way to external memory, a cache line at a time.

    Attributes
    ----------
    mhz : int
        Its clock.
    bytes_per_clock : float
        Of the data.
    overhead_clocks : int
        Of a line: command, address, waiting.
    """

    mhz: int
    bytes_per_clock: float
    overhead_clocks: int

    def megabytes_per_second(self, line_bytes: int) -> float:
        """What lines of so many bytes get through it, in 10^6 bytes."""
        clocks = self.overhead_clocks + line_bytes / self.bytes_per_clock
        return line_bytes / clocks * self.mhz


@dataclass(frozen=True)
class Kept:
    """Which filters a cache keeps while a kernel reads them again for each position.

    Attributes
    ----------
    whole_bytes : int
        Up to so many of filter and bias, it is best to compute all output channels together.
    slice_bytes : int
        Of larger ones, the filter of channels that are best computed together, at most.
    """

    whole_bytes: int
    slice_bytes: int


@dataclass(frozen=True)
class Faster:
    """A line of sdkconfig that projects leave out, though it may make networks faster.

    Attributes
    ----------
    line : str
        Option and value, without `CONFIG_`.
    price : str
        What speaks against it.
    cache_bytes : int or None
        Of the outermost data cache.
    psram, flash : Bus or None
        What it makes of them.
    """

    line: str
    price: str
    cache_bytes: int | None = None
    psram: Bus | None = None
    flash: Bus | None = None


@dataclass(frozen=True)
class ExternalMemory:
    """The caches and buses between the CPU and external memory, as exported projects set them.

    Attributes
    ----------
    caches : tuple of (int, int)
        Bytes and ways of each data cache, the one beside the CPU first.
    line_bytes : int
        Bytes that the outermost one fetches at a time.
    flash : Bus
        QIO at the fastest clock that needs no experimental option.
    psram : Bus or None
        None without any.
    inner_cycles : float
        Cycles a byte that the inner cache fetches from the outer one.
    other_lines : tuple of int
        Bytes of a line that ESP-IDF's Kconfig has beside `line_bytes`.
    faster : tuple of Faster
        What could be set beyond what projects set.
    kept : tuple of Kept
        Of each cache from the inner one on, what its chip's kernels in vectors gain by; empty
        where that is not known.
    """

    caches: tuple[tuple[int, int], ...]
    line_bytes: int
    flash: Bus
    psram: Bus | None
    other_lines: tuple[int, ...] = ()
    inner_cycles: float = 0.0
    faster: tuple[Faster, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def lines(self) -> tuple[int, ...]:
        """Every length of a line that can be set, in bytes."""
        return tuple(sorted((self.line_bytes, *self.other_lines)))


#: Flash with four data lines; PSRAM with four, and with eight at both edges.
_QIO_80, _QIO_60 = Bus(80, 0.5, 20), Bus(60, 0.5, 20)
_QUAD_80, _OCTAL_80, _OCTAL_250 = Bus(80, 0.5, 22), Bus(80, 2, 20), Bus(250, 2, 39)
#: Sixteen at both edges, the overhead as published latencies have it (`docs/evaluate.md`).
_HEX_200 = Bus(200, 4, 39)

_EXPERIMENT = "needs CONFIG_IDF_EXPERIMENTAL_FEATURES=y: depends on temperature and board"

_S3 = (
    Faster("SPIRAM_SPEED_120M=y", _EXPERIMENT, psram=Bus(120, 2, 20)),
    Faster("ESPTOOLPY_FLASHFREQ_120M=y", _EXPERIMENT, flash=Bus(120, 0.5, 20)),
)
_C5 = (Faster("SPIRAM_SPEED_120M=y", "ESP-IDF 5.5 or later", psram=Bus(120, 0.5, 22)),)
_P4 = (
    Faster("CACHE_L2_CACHE_512KB=y", "takes 256 KB of internal memory", cache_bytes=524288),
    Faster("SPIRAM_SPEED_250M=y", "silicon from 3.0, ESP-IDF 5.5.3", psram=Bus(250, 4, 39)),
)

#: From convolutions of published networks and shapes of a grid, simulated whole and in slices of
#: 8 to 128 KB, with these caches and least recently used lines first out: beside a filter, the
#: window and the result need room, and a cache of two ways loses some of what would fit.
_OF_64_KB = Kept(56 * 1024, 48 * 1024)
_OF_64_KB_BEFORE_ANOTHER, _OF_256_KB = Kept(64 * 1024, 48 * 1024), Kept(256 * 1024, 160 * 1024)
_OF_P4 = (_OF_64_KB_BEFORE_ANOTHER, _OF_256_KB)

# Sizes and lines from ESP-IDF's Kconfig, those that projects set where there is a choice; ways,
# and all of chips with one fixed cache, are assumed.
ESP32 = ExternalMemory(((32768, 2),), 32, _QIO_80, _QUAD_80)
ESP32S2 = ExternalMemory(((16384, 4),), 32, _QIO_80, _QUAD_80, (16,))
ESP32S3 = ExternalMemory(
    ((65536, 8),), 64, _QIO_80, _OCTAL_80, (16, 32), faster=_S3, kept=(_OF_64_KB,)
)
ESP32C2 = ExternalMemory(((16384, 8),), 32, _QIO_60, None)
ESP32C3 = ExternalMemory(((16384, 8),), 32, _QIO_80, None)
ESP32C5 = ExternalMemory(((32768, 4),), 32, _QIO_80, _QUAD_80, faster=_C5)
ESP32C6 = ExternalMemory(((32768, 4),), 32, _QIO_80, None)
ESP32P4 = ExternalMemory(
    ((65536, 2), (262144, 8)), 128, _QIO_80, _HEX_200, (64,), 0.172, _P4, _OF_P4
)
ESP32S31 = ExternalMemory(((65536, 4),), 64, _QIO_80, _OCTAL_250, kept=(_OF_64_KB,))
