"""The shapes that drawings are made of, with every text escaped."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from ...report.text import visible


def rectangle(
    corner: tuple[float, float],
    size: tuple[float, float],
    kind: str,
    *,
    title: str = "",
    opacity: float = 1.0,
) -> Markup:
    """A rectangle of a class of the page's style; `title` is shown to who points at it."""
    return Markup(
        '<rect x="{0:.1f}" y="{1:.1f}" width="{2:.1f}" height="{3:.1f}" class="{4}"'
        ' fill-opacity="{5:.2f}"><title>{6}</title></rect>'
    ).format(*corner, *size, kind, opacity, visible(title))


def circle(centre: tuple[float, float], radius: float, kind: str, title: str) -> Markup:
    """A disc."""
    return Markup(
        '<circle cx="{0:.1f}" cy="{1:.1f}" r="{2:.1f}" class="{3}" fill-opacity="0.7">'
        "<title>{4}</title></circle>"
    ).format(*centre, radius, kind, visible(title))


def line(begin: tuple[float, float], end: tuple[float, float], kind: str = "axis") -> Markup:
    """A straight line."""
    return Markup('<line x1="{0:.1f}" y1="{1:.1f}" x2="{2:.1f}" y2="{3:.1f}" class="{4}"/>').format(
        *begin, *end, kind
    )


def label(at: tuple[float, float], text: str, anchor: str = "start") -> Markup:
    """A text that begins, ends or stands in the middle `at` a place."""
    return Markup('<text x="{0:.1f}" y="{1:.1f}" text-anchor="{2}">{3}</text>').format(
        *at, anchor, visible(text)
    )


def together(shapes: Iterable[Markup]) -> Markup:
    """All of them, in order."""
    return Markup("").join(shapes)
