"""The page of every report: one HTML file without scripts, links or other files.

It arranges what it is given and adds nothing to it. Every text is escaped, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from .text import visible

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True)
class Line:
    """A line of a table."""

    #: One for each column; what `drawing` gives is put in as it is.
    cells: tuple[str, ...]
    #: Whether it stands out.
    marked: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a page with a title; false where it has nothing to show, and is left out then."""

    #: Its heading.
    title: str
    #: A table, which scrolls on its own where it is wider than the window.
    columns: Sequence[str] = ()
    rows: Sequence[Line] = ()
    #: A list.
    items: Sequence[str] = ()
    #: Lines whose columns are made with spaces.
    text: str = ""
    #: What `drawing` gives, each of which scrolls on its own.
    drawings: Sequence[Markup] = ()

    def __bool__(self) -> bool:
        return bool(self.rows or self.items or self.text or self.drawings)


@dataclass(frozen=True)
class Page:
    """A report."""

    #: What it is.
    title: str
    #: What a reader should know who reads nothing else.
    verdict: str
    #: In this order.
    sections: Sequence[Section]

    def html(self) -> str:
        """The page; the same content gives the same text."""
        return _template().render(page=self)


def drawing(width: int, height: int, title: str, shapes: Markup) -> Markup:
    """An inline SVG element; `title` is what readers see who cannot see it."""
    return Markup(
        '<svg role="img" viewBox="0 0 {0} {1}" width="{0}" height="{1}"><title>{2}</title>{3}</svg>'
    ).format(width, height, visible(title), shapes)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # only when a page is made

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else _shown(value),
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html")


def _shown(value: object) -> str:
    return "\n" if value == "\n" else visible(str(value))
