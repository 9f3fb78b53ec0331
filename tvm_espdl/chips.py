"""The nine Espressif chips as data: what differs between them is written here and nowhere else.

Other modules ask the record (`chip.rounding`, `chip.accumulator("int8", ...)`); they never compare
names. Sources: ESP-DL v3.3.9 `dl/dl_define_private.hpp` and its kernels; Espressif's datasheets.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, get_args

from .errors import ChipError

Family = Literal["c", "pie_v1", "pie_v2"]
#: Cycles in int8 and in int16.
Pair = tuple[float, float]
Rounding = Literal["half_up", "half_even"]


@dataclass(frozen=True)
class Accumulator:
    """The register a convolution sums its products in.

    Attributes
    ----------
    bits : int
        Width in two's complement.
    products_per_clamp : int
        Consecutive products that are added before the sum is clamped to `bits`;
        0 means that the register is never clamped and wraps around.
    """

    bits: int
    products_per_clamp: int

    @property
    def lowest(self) -> int:
        """The smallest value the register holds."""
        return -(1 << (self.bits - 1))

    @property
    def highest(self) -> int:
        """The largest value the register holds."""
        return (1 << (self.bits - 1)) - 1


@dataclass(frozen=True)
class Cycles:
    """What a family of chips takes, roughly: good enough to rank layers, no promise of a time.

    Attributes
    ----------
    convolution, depthwise, product : (float, float)
        Per multiply-accumulate in int8 and int16, of convolutions, depthwise convolutions, and
        matrix products, whose weights are used once.
    element : (float, float)
        Per element of the result of any other operator.
    requantize : float
        Per element that is brought to another width.
    """

    convolution: Pair
    depthwise: Pair
    product: Pair
    element: Pair
    requantize: float


@dataclass(frozen=True)
class Chip:
    """One chip.

    Attributes
    ----------
    name : str
        Espressif's name, as in `IDF_TARGET`.
    family : str
        Which kernels of ESP-DL it runs: plain C++ (`c`), TIE728 vectors (`pie_v1`, the S3) or
        `pie_v2` (P4, S31).
    rounding : str
        How a right shift and a float conversion round.
    per_channel : bool
        Whether a convolution may have one filter exponent per output channel.
    vector_bytes : int
        Bytes of one vector register, 0 without vectors.
    clock_hz : int
        Highest clock of the CPU.
    sram_bytes : int
        Internal SRAM.
    settings : tuple of str
        Lines of `sdkconfig.defaults` without `CONFIG_`: its highest clock, its largest caches.
    idf_version : str
        The first ESP-IDF release that has the chip and that ESP-DL supports on it.
    """

    name: str
    family: Family
    rounding: Rounding
    per_channel: bool
    vector_bytes: int
    clock_hz: int
    sram_bytes: int
    settings: tuple[str, ...] = ()
    idf_version: str = "5.3"

    def lanes(self, dtype: str) -> int:
        """Values of `dtype` in one vector (output channels computed together); 0 without."""
        return self.vector_bytes // {"int8": 1, "int16": 2}[dtype]

    def accumulator(self, dtype: str, *, in_lanes: bool) -> Accumulator:
        """The accumulator of a convolution on `dtype` data.

        `in_lanes` is True for output channels in full vectors, False for the remaining ones.
        Source: ESP-DL `dl/base/isa/*/dl_*_conv2d.S`; stated in full in `docs/exactness.md`.
        """
        return _ACCUMULATORS[self.family, dtype, in_lanes]

    @property
    def cycles(self) -> Cycles:
        """What its kernels take."""
        return _CYCLES[self.family]

    def bias_bits(self, dtype: str, *, in_lanes: bool) -> int:
        """Bits that the kernel keeps of a bias value; wider values wrap around."""
        if self.family == "pie_v1" and in_lanes:
            return {"int8": 20, "int16": 40}[dtype]
        return {"int8": 32, "int16": 64}[dtype]

    def quantized_bias_bits(self, dtype: str) -> int:
        """Bits that a quantizer should keep the bias of a layer within."""
        return {"c": {"int8": 32, "int16": 64}, "pie_v1": {"int8": 20, "int16": 40}}.get(
            self.family, {"int8": 32, "int16": 40}
        )[dtype]


_ACCUMULATORS = {
    ("c", "int8", False): Accumulator(32, 0),
    ("c", "int16", False): Accumulator(64, 0),
    ("pie_v1", "int8", True): Accumulator(20, 1),
    ("pie_v1", "int8", False): Accumulator(40, 16),
    ("pie_v1", "int16", True): Accumulator(40, 1),
    ("pie_v1", "int16", False): Accumulator(40, 8),
    ("pie_v2", "int8", True): Accumulator(32, 1),
    ("pie_v2", "int8", False): Accumulator(40, 16),
    ("pie_v2", "int16", True): Accumulator(64, 1),
    ("pie_v2", "int16", False): Accumulator(40, 8),
}

# Of chips with vectors, medians over the shapes that were simulated both in int8 and in int16 with
# 16 channels or more, first run, caches cold: ESP-DL's own assembly run instruction by instruction,
# priced with coefficients fitted to the latencies that Espressif publishes. Of plain C, Espressif's
# published int8 figures of its C kernels; int16 there is an estimate, for the sums take two
# registers. Every figure of moving and computing single elements follows the bytes.
_CYCLES: dict[Family, Cycles] = {
    "pie_v1": Cycles((0.20, 0.54), (0.87, 1.68), (2.76, 5.98), (6.7, 13.5), 9.4),
    "pie_v2": Cycles((0.14, 0.34), (0.59, 1.06), (1.42, 2.83), (4.6, 9.1), 4.9),
    "c": Cycles((11.5, 14.0), (16.5, 20.0), (11.5, 14.0), (20.0, 24.0), 20.0),
}

_MHZ = 1_000_000
_KIB = 1024

# ESP-IDF's names in Kconfig; Espressif's own examples for ESP-DL set the same.
_240_MHZ = ("ESP_DEFAULT_CPU_FREQ_MHZ_240=y",)
_160_MHZ = ("ESP_DEFAULT_CPU_FREQ_MHZ_160=y",)
_120_MHZ = ("ESP_DEFAULT_CPU_FREQ_MHZ_120=y",)
_S3_CACHES = (
    "ESP32S3_INSTRUCTION_CACHE_32KB=y",
    "ESP32S3_DATA_CACHE_64KB=y",
    "ESP32S3_DATA_CACHE_LINE_64B=y",
)
_P4_CACHES = ("CACHE_L2_CACHE_256KB=y", "CACHE_L2_CACHE_LINE_128B=y")

CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        Chip("esp32", "c", "half_up", False, 0, 240 * _MHZ, 520 * _KIB, _240_MHZ),
        Chip("esp32s2", "c", "half_up", False, 0, 240 * _MHZ, 320 * _KIB, _240_MHZ),
        Chip(
            *("esp32s3", "pie_v1", "half_up", False, 16, 240 * _MHZ, 512 * _KIB),
            settings=(*_240_MHZ, *_S3_CACHES),
        ),
        Chip("esp32c2", "c", "half_up", False, 0, 120 * _MHZ, 272 * _KIB, _120_MHZ),
        Chip("esp32c3", "c", "half_up", False, 0, 160 * _MHZ, 400 * _KIB, _160_MHZ),
        Chip("esp32c5", "c", "half_up", False, 0, 240 * _MHZ, 384 * _KIB, _240_MHZ, "5.5"),
        Chip("esp32c6", "c", "half_up", False, 0, 160 * _MHZ, 512 * _KIB, _160_MHZ),
        Chip("esp32p4", "pie_v2", "half_even", True, 16, 400 * _MHZ, 768 * _KIB, _P4_CACHES),
        Chip("esp32s31", "pie_v2", "half_even", True, 16, 320 * _MHZ, 512 * _KIB, (), "6.0"),
    )
}

DEFAULT_CHIP = "esp32s3"

#: A chip of each family, by its name.
FAMILIES: dict[str, str] = {
    family: next(name for name, chip in CHIPS.items() if chip.family == family)
    for family in get_args(Family)
}


def find_chip(name: str) -> Chip:
    """The record of the chip called `name`.

    Raises
    ------
    ChipError
        If there is no such chip; the message names the nearest ones.
    """
    try:
        return CHIPS[name]
    except KeyError:
        near = difflib.get_close_matches(str(name), CHIPS, n=1)
        raise ChipError(
            "unknown chip",
            where="target chip",
            found=repr(name),
            allowed=", ".join(CHIPS),
            try_=near[0] if near else DEFAULT_CHIP,
        ) from None
