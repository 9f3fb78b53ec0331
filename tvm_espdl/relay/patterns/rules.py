"""Collects the rules of form that the files of this folder state; it states none itself.

A rule is a `FormRule` at the top level of the file whose patterns refuse by it; those that no
single pattern owns stand in `report.log`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ...ops.base.form_rule import FormRule
from ...report import log


@cache
def form_rules() -> tuple[FormRule, ...]:
    """Every rule of form, in the order of their names."""
    package = importlib.import_module(__package__ or "")
    names = [f"{package.__name__}.{file.name}" for file in pkgutil.iter_modules(package.__path__)]
    found = {
        rule
        for module in (log, *map(importlib.import_module, names))
        for rule in vars(module).values()
        if isinstance(rule, FormRule)
    }
    return tuple(sorted(found, key=lambda rule: rule.name))
