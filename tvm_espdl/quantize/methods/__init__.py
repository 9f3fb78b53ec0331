"""The methods that choose an activation's exponent, by the name that the user gives.

Must never hold a method itself: each is one function in one file, entered in the table below.
"""

from __future__ import annotations

from collections.abc import Callable

from ...chips import Rounding
from ...errors import EspdlError
from ..calibration import TensorRange
from .minmax import minmax

Method = Callable[[TensorRange, Rounding], int]

METHODS: dict[str, Method] = {"minmax": minmax}


def find_method(name: str) -> Method:
    """The function of the method called `name`.

    Raises
    ------
    EspdlError
        If there is no such method.
    """
    if name not in METHODS:
        raise EspdlError(
            "unknown method for the exponents of activations",
            where="option activations",
            found=repr(name),
            allowed=", ".join(repr(known) for known in METHODS),
            try_="activations='minmax'",
        )
    return METHODS[name]
