"""Whether a network fits, in sentences: memory against what the chip and its boards have, gates."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from ..codegen.flash import CODE_BYTES, FLASH_MEGABYTES, app_bytes
from ..errors import EspdlError
from .evaluation import Figures


@dataclass(frozen=True)
class Part:
    """One kind of memory.

    Attributes
    ----------
    name : str
        In words.
    used : int
        Bytes that the network takes.
    most : int
        Bytes that there are; 0 where the chip has none.
    """

    name: str
    used: int
    most: int

    @property
    def fits(self) -> bool:
        """Whether it is enough."""
        return self.used <= self.most

    def __str__(self) -> str:
        share = f", {self.used / self.most:.0%} of {in_bytes(self.most)}" if self.most else ""
        return f"{in_bytes(self.used)} of {self.name}{share}"


def in_bytes(number: float) -> str:
    """Bytes as people read them."""
    if number >= 10 << 20:
        return f"{number / (1 << 20):.1f} MB"
    return f"{number / 1024:.1f} KB" if number >= 1024 else f"{number:.0f} bytes"


def parts_of(figures: Figures) -> tuple[Part, ...]:
    """Internal memory, PSRAM and flash."""
    usual, machine = next(iter(figures.chip.project.psram), None), figures.machine
    given = machine.internal_ram
    return (
        Part(
            "internal memory",
            figures.internal_ram_bytes,
            machine.internal_bytes if given is None else given,
        ),
        Part("PSRAM", figures.psram_bytes, usual.least_bytes if usual is not None else 0),
        Part("flash", figures.flash_bytes, app_bytes(FLASH_MEGABYTES[-1]) - CODE_BYTES),
    )


def verdict_of(figures: Figures) -> str:
    """One sentence: how long, how far off that may be, what it takes, whether it fits."""
    parts = parts_of(figures)
    lacking = [part for part in parts if not part.fits]
    fit = "it fits"
    if lacking:
        over = ", ".join(f"{in_bytes(p.used - p.most)} too much {p.name}" for p in lacking)
        fit = f"it does not fit: {over}"
    used = ", ".join(str(part) for part in parts if part.used)
    return (
        f"{figures.chip.name} at {figures.machine.clock_hz / 1e6:g} MHz: about "
        f"{in_milliseconds(figures.milliseconds)} an inference, {figures.error_percent:g} % off on "
        f"average; {used}; {fit}."
    )


def in_milliseconds(number: float) -> str:
    """Milliseconds with three digits."""
    digits = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    return f"{number:,.{digits}f} ms"


@dataclass(frozen=True)
class Limits:
    """What a network may take at most; None for anything.

    Attributes
    ----------
    ms : float or None
        Milliseconds of an inference.
    ram, flash : int or None
        Bytes of internal memory; of constants in flash.

    Raises
    ------
    EspdlError
        If one of them is no limit: the time is above 0, bytes are not negative.
    """

    ms: float | None = None
    ram: int | None = None
    flash: int | None = None

    def __post_init__(self) -> None:
        if self.ms is not None and not (isinstance(self.ms, Real) and float(self.ms) > 0):
            raise EspdlError(
                "no limit", where="--max_ms", found=repr(self.ms), allowed="a number above 0"
            )
        for name, most in (("ram", self.ram), ("flash", self.flash)):
            if most is not None and not (isinstance(most, Real) and float(most) >= 0):
                allowed = "a number of bytes"
                raise EspdlError(
                    "no limit", where=f"--max_{name}", found=repr(most), allowed=allowed
                )

    def broken_by(self, figures: Figures) -> list[str]:
        """A line for each limit that does not hold, by how much."""
        lines = []
        if self.ms is not None and figures.milliseconds > self.ms:
            over = figures.milliseconds - self.ms
            lines.append(
                f"{in_milliseconds(figures.milliseconds)} are {in_milliseconds(over)} "
                f"({over / self.ms:.0%}) above --max_ms {self.ms:g}"
            )
        for name, used, most in (
            ("ram", figures.internal_ram_bytes, self.ram),
            ("flash", figures.flash_bytes, self.flash),
        ):
            if most is not None and used > most:
                lines.append(f"{used:,} bytes are {used - most:,} above --max_{name} {most}")
        return lines
