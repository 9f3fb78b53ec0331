"""What users hold of a comparison of a board with the PC: printing it gives the account."""

from __future__ import annotations

import os

from ..files.output_files import write_whole
from .page import as_html
from .rows import ChecksumDifference, ComparisonRows, Difference, Part
from .text import as_json, as_text


class Comparison(ComparisonRows):
    """The result; true only where the board is shown to compute what the PC computes."""

    def __str__(self) -> str:
        return as_text(self)

    def html(self) -> str:
        """One self-contained page, with a picture of what differs first and of culprits."""
        return as_html(self)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the page.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        write_whole(path, self.html().encode())

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The comparison as JSON text; written to a file, too, where one is named.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        text = as_json(self)
        if path is not None:
            write_whole(path, text.encode())
        return text


__all__ = ["ChecksumDifference", "Comparison", "Difference", "Part"]
