"""Finds the operators: a module of `ops` that defines one registers it by being there."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .operator import Operator, Tensor

_OPS = (__package__ or "").rpartition(".")[0]


@cache
def operators() -> dict[str, type[Operator]]:
    """All operator classes by name, in alphabetical order."""
    return dict(sorted((kind.name, kind) for kind in _kinds() if kind.name))


@cache
def declared() -> tuple[type[Operator], ...]:
    """All classes that declare a form, by the names of their files.

    Those without a name are functions that are tables only.
    """
    return tuple(kind for kind in _kinds() if kind.form is not None)


def _kinds() -> Iterator[type[Operator]]:
    """The classes that the files of `ops` define, in the order of the files' names."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent.parent)]):
        name = f"{_OPS}.{module.name}"
        members = () if module.name[0] == "_" else vars(importlib.import_module(name)).values()
        for member in members:
            own = isinstance(member, type) and member.__module__ == name
            if own and issubclass(member, Operator):
                yield member


@cache
def operator_class(name: str) -> type[Operator]:
    """The operator of a name, loading its module only."""
    members = vars(importlib.import_module(f"{_OPS}.{name}")).values()
    found = (m for m in members if isinstance(m, type) and issubclass(m, Operator))
    return next(member for member in found if member.name == name)


def from_json(text: str) -> Operator:
    """Read a record written by `Operator.to_json`."""
    fields = json.loads(text)
    return operator_class(fields.pop("name"))(**{k: _decode(v) for k, v in fields.items()})


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return Tensor(**{k: _decode(v) for k, v in value.items()})
    return tuple(_decode(v) for v in value) if isinstance(value, list) else value
