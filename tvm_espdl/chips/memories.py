"""How much memory each chip has for static arrays and for constants, as ESP-IDF links firmware.

Facts of ESP-IDF 5.3 to 6.1: `components/esp_system/ld/<chip>/memory.ld.in` with the caches that
projects set. Where releases differ, the smaller figure stands.
"""

from __future__ import annotations

from dataclasses import dataclass

_KIB, _MIB = 1024, 1 << 20

#: What code in internal RAM, ESP-IDF's own variables, and tasks take where code and data share it.
#: Without radio: Wi-Fi and Bluetooth take more.
ESP_IDF = 64 * _KIB


@dataclass(frozen=True)
class Memories:
    """Memory of one chip, in bytes.

    Attributes
    ----------
    segments : tuple of int
        Internal RAM for variables with fixed addresses; an array lies in one of them.
    reserved : int
        What ESP-IDF takes of the last one.
    mapped : int
        Flash that is seen as memory at once, code in it included unless `code_apart`.
    psram : int
        PSRAM that is seen as memory at once; 0 where the chip takes none.
    shared : bool
        Whether PSRAM is seen through the addresses that `mapped` counts.
    code_apart : bool
        Whether code is seen through addresses of its own.
    older : tuple of (str, tuple of int)
        `segments` of earlier silicon, behind its major revision.
    """

    segments: tuple[int, ...]
    mapped: int
    reserved: int = ESP_IDF
    psram: int = 0
    shared: bool = False
    code_apart: bool = False
    older: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def whole(self, revision: str = "") -> tuple[int, ...]:
        """`segments` of silicon of a major revision; "" for the one that is sold today."""
        return dict(self.older).get(revision, self.segments)

    def internal(self, revision: str = "") -> tuple[int, ...]:
        """What is left of internal RAM for a network's arrays, by segment.

        Parameters
        ----------
        revision : str
            Major revision of the silicon; "" for the one that is sold today.
        """
        *whole, last = self.whole(revision)
        return (*whole, last - self.reserved)


#: Code is in other RAM: only ESP-IDF's own variables share the segment.
ESP32 = Memories((180_736,), 4 * _MIB - 32, reserved=11 * _KIB, psram=4 * _MIB, code_apart=True)
ESP32S2 = Memories((155_648,), 0x3F0000 - 32, psram=10_752 * _KIB)
#: An instruction cache of 32 KB pushes 16 KB of code into the segment.
ESP32S3 = Memories(
    (341_760,), 32 * _MIB, reserved=ESP_IDF + 16 * _KIB, psram=32 * _MIB, shared=True
)
ESP32C2 = Memories((191_344,), 4 * _MIB)
ESP32C3 = Memories((321_296,), 8 * _MIB)
ESP32C5 = Memories((320_928,), 16 * _MIB, psram=16 * _MIB, shared=True)
ESP32C6 = Memories((452_112,), 16 * _MIB)
#: 256 KB of its RAM are the cache.
ESP32P4 = Memories((450_496,), 64 * _MIB, psram=64 * _MIB, older=(("1", (262_144, 179_152)),))
ESP32S31 = Memories((503_744,), 64 * _MIB, psram=64 * _MIB)
