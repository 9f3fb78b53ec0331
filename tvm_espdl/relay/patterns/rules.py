"""Collects the rules of form that the files of this folder state; it states none itself.

A rule is a `FormRule` at the top level of the file whose patterns refuse by it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ...ops.form_rule import FormRule


@cache
def form_rules() -> tuple[FormRule, ...]:
    """Every rule of form, in the order of their names."""
    package = importlib.import_module(__package__ or "")
    found = {
        rule
        for file in pkgutil.iter_modules(package.__path__)
        for rule in vars(importlib.import_module(f"{package.__name__}.{file.name}")).values()
        if isinstance(rule, FormRule)
    }
    return tuple(sorted(found, key=lambda rule: rule.name))
