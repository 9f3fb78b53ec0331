"""Fills in the templates of a project's text files; what stands in them is said by its callers."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


def filled(template: str, /, **values: Any) -> str:
    """The file `template`.in with its `$`-placeholders replaced; each needs a value.

    Raises
    ------
    KeyError
        If one has none.
    """
    return Template((TEMPLATES / f"{template}.in").read_text()).substitute(values)
