"""Values that share one piece of memory, and the bytes that hold something at some time.

Plain data; which values share is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Place


@dataclass(frozen=True)
class Span:
    """Bytes that hold something during some steps, both ends of which count.

    Attributes
    ----------
    begin, end : int
        Bytes, counted as the group's offsets are.
    first, last : int
        Steps.
    content : str
        The value that was written there.
    """

    begin: int
    end: int
    first: int
    last: int
    content: str

    def excludes(self, other: Span) -> bool:
        """Whether both cannot be in one memory: other contents in the same byte at one time."""
        return (
            self.content != other.content
            and self.begin < other.end
            and other.begin < self.end
            and self.first <= other.last
            and other.first <= self.last
        )


@dataclass(eq=False)
class Group:
    """Values in one piece of memory.

    Attributes
    ----------
    offsets : dict of str to int
        Of each value, relative to each other.
    origin : int
        The offset at which memory begins, or one that will be aligned as the values want it.
    fixed : Place or None
        The memory, where it is known beforehand.
    size : int
        Its bytes then.
    owner : str
        The value that it is the memory of then.
    """

    offsets: dict[str, int]
    origin: int = 0
    fixed: Place | None = None
    size: int = 0
    owner: str = ""
