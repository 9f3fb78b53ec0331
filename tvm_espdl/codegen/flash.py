"""The flash of a project: how large it is, and the table of what lies in it.

Sizes are computed here; whether a network may be as large is asked by those who write projects.
"""

from __future__ import annotations

from dataclasses import dataclass

from .filling import filled

#: What ESP-IDF, the network's code and its kernels take, ESP-DL's included, generously.
CODE_BYTES = 512 * 1024
#: Where ESP-IDF's table of partitions ends; the boot loader stands before it.
FIRST_OFFSET = 0x9000
#: Applications begin at such multiples: their code is mapped in pages of this size.
APP_ALIGNMENT = 0x10000
#: What boards have. Flash with four data lines is mapped up to 16 MB on every chip.
FLASH_MEGABYTES = (2, 4, 8, 16)


@dataclass(frozen=True)
class Partition:
    """One row of the table: offsets and sizes in bytes."""

    name: str
    kind: str
    subtype: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the next one may begin."""
        return self.offset + self.size


@dataclass(frozen=True)
class Flash:
    """A flash and what lies in it, in the order of offsets."""

    megabytes: int
    partitions: tuple[Partition, ...]

    def __post_init__(self) -> None:
        """Check that parts neither overlap nor leave the flash."""
        end = FIRST_OFFSET
        for part in self.partitions:
            aligned = APP_ALIGNMENT if part.kind == "app" else 0x1000
            if part.offset < end or part.offset % aligned or part.size % 0x1000 or part.size <= 0:
                raise ValueError(
                    f"partition {part.name}: no place for {part.size} at {part.offset}"
                )
            end = part.end
        if end > self.megabytes << 20:
            raise ValueError(f"the partitions need {end} bytes of {self.megabytes} MB")

    def table(self) -> str:
        """Text of `partitions.csv`."""
        return filled("partitions.csv", rows="\n".join(map(_row, self.partitions)))


def flash_for(constant_bytes: int, code_bytes: int = CODE_BYTES) -> Flash | None:
    """The smallest flash for an application, which gets all of it; None where none is large enough.

    Parameters
    ----------
    constant_bytes : int
        Bytes of read-only data.
    code_bytes : int
        What the code takes.
    """
    fitting = (size for size in FLASH_MEGABYTES if constant_bytes + code_bytes <= app_bytes(size))
    megabytes = next(fitting, None)
    if megabytes is None:
        return None
    application = Partition("factory", "app", "factory", APP_ALIGNMENT, app_bytes(megabytes))
    return Flash(megabytes, (application,))


def app_bytes(megabytes: int) -> int:
    """What a flash has for the application."""
    return (megabytes << 20) - APP_ALIGNMENT


def _row(part: Partition) -> str:
    cells = (part.name, part.kind, part.subtype, hex(part.offset))
    widths = (9, 6, 9, 9)
    padded = [f"{cell + ',':<{width}}" for cell, width in zip(cells, widths, strict=True)]
    return " ".join([*padded, hex(part.size)])
