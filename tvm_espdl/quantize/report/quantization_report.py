"""What users hold of a quantization: its account, as text, JSON, page or file.

Must never influence the quantization; it is made after it.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import OutputError
from ...files.output_files import check_new, path_of, write_whole
from .html_page import as_html
from .json_text import as_json
from .rows import QuantizationFigures
from .text import as_text


class QuantizationReport(QuantizationFigures):
    """What was quantized, how, and how well; `str(report)` has at most 100 columns."""

    def __str__(self) -> str:
        return as_text(self)

    def to_json(self) -> str:
        """The report as JSON text, with the same keys for every network."""
        return as_json(self)

    def to_html(self) -> str:
        """The report as one self-contained page, with a histogram of each activation."""
        return as_html(self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the report; the file appears whole or not at all.

        Parameters
        ----------
        path : path
            Its ending decides: .txt, .json or .html.
        overwrite : bool
            Whether a file that is there already may be replaced.

        Raises
        ------
        OutputError
            If the ending is another one, or the file exists or cannot be written.
        """
        check_report_path(path, overwrite=overwrite)
        forms = {".txt": lambda: f"{self}\n", ".json": self.to_json, ".html": self.to_html}
        text = forms[Path(path).suffix.lower()]()
        write_whole(path, text.encode(), overwrite=overwrite)


def check_report_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Refuse a path that no report can be written to.

    Raises OutputError if the ending is none of the three, or the file exists.
    """
    endings = (".txt", ".json", ".html")
    if path_of(path).suffix.lower() not in endings:
        raise OutputError(
            "the ending says no form of report",
            where=str(path),
            found=Path(path).suffix or "no ending",
            allowed=", ".join(endings),
        )
    check_new(path, overwrite=overwrite)
