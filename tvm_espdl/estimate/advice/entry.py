"""One piece of advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["sdkconfig", "command", "model"]


@dataclass(frozen=True)
class Advice:
    """One change.

    Attributes
    ----------
    what : str
        A sentence that says what to do.
    price : str
        What speaks against it; empty where nothing does.
    milliseconds : float
        What an inference takes less, as estimated.
    place : str
        Where to change it: lines of `sdkconfig`, an option of a `command`, or the `model`.
    paste : str
        The lines or the option; of the model, what to change there.
    """

    what: str
    price: str
    milliseconds: float
    place: Place
    paste: str
