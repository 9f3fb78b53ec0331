"""The nine Espressif chips as data: what differs between them is written here and nowhere else.

Other modules ask the record (`chip.rounding`, `chip.accumulator("int8", ...)`); they never compare
names of chips or families. Sources: ESP-DL v3.3.9 `dl/dl_define_private.hpp` and its kernels;
Espressif's datasheets, and its examples for ESP-DL (settings).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from ..errors import ChipError
from . import external, memories, settings
from .external import ExternalMemory
from .memories import Memories
from .settings import ProjectSettings

Family = Literal["c", "pie_v1", "pie_v2"]
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


#: Cycles in int8 and in int16.
Pair = tuple[float, float]


@dataclass(frozen=True)
class Cycles:
    """About how many cycles the kernels of one family take, whatever the shapes.

    The figures of chips with vectors are medians over the shapes that were simulated both in int8
    and in int16 with 16 channels or more, first run, caches cold: ESP-DL's own assembly run
    instruction by instruction, priced with coefficients fitted to the latencies that Espressif
    publishes. Tests hold them within 15 % of `estimate`'s prices of the same calls. Those of plain
    C are Espressif's published int8 figures of its C kernels; int16 there
    is an estimate, for the sums take two registers. Every figure of moving and computing single
    elements follows the bytes.

    Attributes
    ----------
    convolution, depthwise, product : (float, float)
        Per multiply-accumulate in int8 and int16, of convolutions, depthwise convolutions, and
        matrix products, whose weights are used once.
    element : (float, float)
        Per element of the result of any other operator.
    requantize : float
        Per element that is brought to another width.
    real : (float, float)
        Of what TVM compiles in float32: per multiply-accumulate and per element. Estimates: plain
        loops, with an FPU on chips with vectors, without one on most of the others.
    """

    convolution: Pair
    depthwise: Pair
    product: Pair
    element: Pair
    requantize: float
    real: Pair


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
    project : ProjectSettings
        What a project tells ESP-IDF: clocks, caches, PSRAM, versions, each with a reason.
    memories : Memories
        What ESP-IDF's linker has for arrays and constants.
    """

    name: str
    family: Family
    rounding: Rounding
    per_channel: bool
    vector_bytes: int
    clock_hz: int
    sram_bytes: int
    project: ProjectSettings
    memories: Memories

    def lanes(self, dtype: str) -> int:
        """Values of `dtype` in one vector (output channels computed together); 0 without."""
        return self.vector_bytes // {"int8": 1, "int16": 2}[dtype]

    def accumulator(self, dtype: str, *, in_lanes: bool) -> Accumulator:
        """The accumulator of a convolution on `dtype` data.

        `in_lanes` is True for output channels in full vectors, False for the remaining ones.
        Source: ESP-DL `dl/base/isa/*/dl_*_conv2d.S`; stated in full in `docs/exactness.md`.
        """
        return _ACCUMULATORS[self.family, dtype, in_lanes]

    def bias_bits(self, dtype: str, *, in_lanes: bool) -> int:
        """Bits that the kernel keeps of a bias value; wider values wrap around."""
        kept = _BIAS_BITS.get((self.family, dtype, in_lanes))
        return kept or {"int8": 32, "int16": 64}[dtype]

    def most_right_shift(self, dtype: str) -> int:
        """The largest right shift of a sum of `dtype` products: instructions read so many bits."""
        return _RIGHT_SHIFTS[self.family, dtype]

    @property
    def packs_bias(self) -> bool:
        """Whether kernels read a bias as fields of `bias_bits` without gaps between them."""
        return self.family == "pie_v1"

    @property
    def resize_wraps(self) -> bool:
        """Whether a nearest resize drops the upper bits of what its left shift makes too large."""
        return self.family == "c"

    def prelu_wraps(self, dtype: str) -> bool:
        """Whether PReLU drops the upper bits of products that do not fit."""
        return (self.family, dtype) in (("pie_v1", "int16"), ("pie_v2", "int8"))

    def most_left_shift(self, dtype: str, result: str) -> int | None:
        """The largest left shift of a requantization in vectors; None without a limit."""
        return _LEFT_SHIFTS.get((self.family, dtype, result))

    @property
    def cycles(self) -> Cycles:
        """About how many cycles its kernels take."""
        return _CYCLES[self.family]

    @property
    def external_memory(self) -> ExternalMemory:
        """Its caches, and the buses behind them."""
        return _EXTERNAL_MEMORY[self.name]

    @property
    def instruction_set(self) -> str:
        """What portable C is compiled to: `xtensa` or `riscv`."""
        return "xtensa" if self.name in _XTENSA else "riscv"

    @property
    def computes_floats(self) -> bool:
        """Whether the CPU computes in float32; else every operation is a function's call."""
        return self.name in _WITH_FLOATS

    @property
    def milliamperes(self) -> float:
        """About what it takes at its highest clock, computing, with its radio switched off."""
        return _MILLIAMPERES[self.name]

    @property
    def platform(self) -> str:
        """How ESP-PPQ calls it, before the width of its integers."""
        return {"c": "ESPDL_C", "pie_v1": "ESPDL_S3", "pie_v2": "ESPDL"}[self.family]

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

#: By family, dtype of the data, and whether the channel is in a full vector; else all bits.
#: Vector chips load the remaining int16 channels' bias into a scalar accumulator of 40 bits.
_BIAS_BITS = {
    ("pie_v1", "int8", True): 20,
    ("pie_v1", "int16", True): 40,
    ("pie_v1", "int16", False): 40,
    ("pie_v2", "int16", False): 40,
}

#: By family and dtype of the data. ESP-DL `isa/*/dl_*_s8.S`, `dl_*_s16.S`: EE.SRCMB on a sum that
#: is shifted by one already, ESP.SRCMB; plain C++ shifts 64 bits.
_RIGHT_SHIFTS = {
    ("c", "int8"): 63,
    ("c", "int16"): 63,
    ("pie_v1", "int8"): 32,
    ("pie_v1", "int16"): 63,
    ("pie_v2", "int8"): 31,
    ("pie_v2", "int16"): 63,
}

#: By family, dtype of the input and of the result. ESP-DL `isa/tie728/dl_tie728_requantize*.S`.
_LEFT_SHIFTS = {("pie_v1", "int8", "int8"): 6, ("pie_v1", "int16", "int8"): 4}

_CYCLES = {
    "pie_v1": Cycles((0.20, 0.54), (0.87, 1.68), (2.76, 5.98), (6.7, 13.5), 9.4, (9.0, 40.0)),
    "pie_v2": Cycles((0.14, 0.34), (0.59, 1.06), (1.42, 2.83), (4.6, 9.1), 4.9, (7.0, 30.0)),
    "c": Cycles((11.5, 14.0), (16.5, 20.0), (11.5, 14.0), (20.0, 24.0), 20.0, (60.0, 150.0)),
}

_XTENSA = ("esp32", "esp32s2", "esp32s3")
_WITH_FLOATS = ("esp32", "esp32s3", "esp32p4", "esp32s31")

#: Assumed, none measured, those of the newest chips guessed: more than in the data sheets' modem
#: sleep, in which caches are idle (22 mA for the S2 at 240 MHz).
_MILLIAMPERES = {
    "esp32": 68.0,
    "esp32s2": 35.0,
    "esp32s3": 108.0,
    "esp32c2": 25.0,
    "esp32c3": 28.0,
    "esp32c5": 50.0,
    "esp32c6": 38.0,
    "esp32p4": 150.0,
    "esp32s31": 120.0,
}

_EXTERNAL_MEMORY = {
    "esp32": external.ESP32,
    "esp32s2": external.ESP32S2,
    "esp32s3": external.ESP32S3,
    "esp32c2": external.ESP32C2,
    "esp32c3": external.ESP32C3,
    "esp32c5": external.ESP32C5,
    "esp32c6": external.ESP32C6,
    "esp32p4": external.ESP32P4,
    "esp32s31": external.ESP32S31,
}

#: One chip of each family: within a family all bits are the same.
FAMILIES: dict[str, str] = {"c": "esp32", "pie_v1": "esp32s3", "pie_v2": "esp32p4"}

_MHZ = 1_000_000
_KIB = 1024

CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        Chip(
            "esp32",
            "c",
            "half_up",
            False,
            0,
            240 * _MHZ,
            520 * _KIB,
            settings.ESP32,
            memories.ESP32,
        ),
        Chip(
            "esp32s2",
            "c",
            "half_up",
            False,
            0,
            240 * _MHZ,
            320 * _KIB,
            settings.ESP32S2,
            memories.ESP32S2,
        ),
        Chip(
            *("esp32s3", "pie_v1", "half_up", False, 16),
            *(240 * _MHZ, 512 * _KIB, settings.ESP32S3, memories.ESP32S3),
        ),
        Chip(
            "esp32c2",
            "c",
            "half_up",
            False,
            0,
            120 * _MHZ,
            272 * _KIB,
            settings.ESP32C2,
            memories.ESP32C2,
        ),
        Chip(
            "esp32c3",
            "c",
            "half_up",
            False,
            0,
            160 * _MHZ,
            400 * _KIB,
            settings.ESP32C3,
            memories.ESP32C3,
        ),
        Chip(
            "esp32c5",
            "c",
            "half_up",
            False,
            0,
            240 * _MHZ,
            384 * _KIB,
            settings.ESP32C5,
            memories.ESP32C5,
        ),
        Chip(
            "esp32c6",
            "c",
            "half_up",
            False,
            0,
            160 * _MHZ,
            512 * _KIB,
            settings.ESP32C6,
            memories.ESP32C6,
        ),
        Chip(
            *("esp32p4", "pie_v2", "half_even", True, 16),
            *(400 * _MHZ, 768 * _KIB, settings.ESP32P4, memories.ESP32P4),
        ),
        Chip(
            *("esp32s31", "pie_v2", "half_even", True, 16),
            *(320 * _MHZ, 512 * _KIB, settings.ESP32S31, memories.ESP32S31),
        ),
    )
}

DEFAULT_CHIP = "esp32s3"


def find_chip(name: str) -> Chip:
    """The record of the chip called `name`.

    Raises
    ------
    ChipError
        If there is no such chip; the message names the nearest ones.
    """
    try:
        return CHIPS[name]
    except (KeyError, TypeError):  # What cannot be a key is no name either.
        near = difflib.get_close_matches(str(name), CHIPS, n=1)
        raise ChipError(
            "unknown chip",
            where="target chip",
            found=repr(name),
            allowed=", ".join(CHIPS),
            try_=near[0] if near else DEFAULT_CHIP,
        ) from None
