"""Rules about the form in which a model writes an operator, checked before there is any record.

A pattern states them as data and refuses by them; the table of operators lists them. What a record
itself must keep to are its own methods marked `@rule`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .operator import Refusal


@dataclass(frozen=True)
class FormRule:
    """One restriction, the same words for every refusal by it.

    Attributes
    ----------
    name : str
        Stable, for programs.
    operators : tuple of str
        The operators that the model's nodes would have become; empty for all of them.
    sentence : str
        What users read in reports and in the table of operators.
    allowed, fix : str
        What the rule wants, and what to change.
    """

    name: str
    operators: tuple[str, ...]
    sentence: str
    allowed: str
    fix: str

    def refused(self, found: str) -> Refusal:
        """The refusal of a node by this rule, for what was found there."""
        return Refusal(self.name, self.sentence, found, self.allowed, self.fix)
