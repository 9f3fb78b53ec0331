"""The methods that choose an activation's exponent, by the name that the user gives.

Must never hold a method itself: each is one function in one file, entered in the table below.
A method does not choose, it states what each exponent costs: the costs of tensors that must share
an exponent add up, and the cheapest exponent wins.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

from ...errors import EspdlError
from .counted import Method
from .kl import kl
from .mse import mse
from .percentile import percentile

__all__ = ["DEPTH", "METHODS", "WEIGHTS", "Method", "find_method", "weighs_outputs"]

#: How far below the exponent at which nothing saturates it is worth looking: 2^-6 of the range.
DEPTH = 6

METHODS: dict[str, Method | None] = {
    "mse": mse,
    "kl": kl,
    "percentile": percentile,
    "minmax": None,  # nothing to weigh: no value saturates
}


def find_method(name: str) -> Method | None:
    """The function of the method called `name`; None for "minmax"; EspdlError if there is none."""
    _check("activations", name, METHODS)
    return METHODS[name]


#: How the exponents of weights are chosen: by the error at the layer's output, or so that no
#: weight saturates.
WEIGHTS = ("output", "minmax")


def weighs_outputs(name: str) -> bool:
    """Whether the method called `name` weighs errors of weights by what they do at the output.

    Raises EspdlError if there is no such method.
    """
    _check("weights", name, WEIGHTS)
    return name == "output"


def _check(option: str, name: str, known: Collection[str]) -> None:
    if not isinstance(name, str) or name not in known:
        near = [*difflib.get_close_matches(str(name), known, n=1), *known][0]
        raise EspdlError(
            f"unknown method for the exponents of {option}",
            where=f"option {option}",
            found=repr(name),
            allowed=", ".join(map(repr, known)),
            try_=f"{option}={near!r}",
        )
