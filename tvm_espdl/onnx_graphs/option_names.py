"""Reads options that name things: steps, layers. One name is a str, several are a collection.

Must never know what the names stand for; those who do refuse unknown ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import EspdlError


def as_names(names: object, option: str) -> tuple[str, ...]:
    """The names that an option was given: a str is one name, not its letters.

    Raises
    ------
    EspdlError
        If it is neither a str nor a collection of str.
    """
    if isinstance(names, str):
        return (names,)
    listed = list(names) if isinstance(names, Iterable) else [names]
    strings = tuple(name for name in listed if isinstance(name, str))
    if len(strings) != len(listed):
        raise EspdlError(
            "names are expected",
            where=f"option {option}",
            found=repr(names),
            allowed="a str, or a collection of str",
            try_=f"{option}=() for none",
        )
    return strings
