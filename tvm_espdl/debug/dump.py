"""What a board has sent, whatever form it came in."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, fields

from ..files.printed_tensors import Checksum
from ..ops.base.rounding import Array
from .esp_dl_prints import PrintedTensor, Spot


@dataclass
class Dump:
    """What a board has sent.

    Attributes
    ----------
    tensors : dict of str to numpy.ndarray
        Whole tensors, or the first values of one as a flat array, by the model's names.
    checksums : dict of str to Checksum
        Tensors that came without their data.
    exponents : dict of str to int
        What the firmware says of the tensors; empty where the form does not say.
    indices : dict of str to int
        The firmware's numbers of the tensors; empty where the form does not say.
    typed : dict of str to numpy.ndarray
        Numbers without a type of their own, by the model's names.
    printed : list of PrintedTensor
        What ESP-DL's own runtime has printed, whose names only the network tells.
    spots : list of Spot
        Where the test of ESP-DL's own runtime has failed.
    tested : list of str
        Outputs that it has looked at.
    problems : list of str
        What was damaged or missing, a sentence each.
    notes : list of str
        What was left out without being needed: runs that did not end.
    earlier : dict of str to numpy.ndarray
        Tensors of the last complete run before this one of the same network.
    model_id : str
        Which network the firmware holds; "" where the form does not say.
    by_firmware : bool
        Whether a firmware wrote it; then each tensor has its own shape, and never a part of it.
    """

    tensors: dict[str, Array] = field(default_factory=dict)
    checksums: dict[str, Checksum] = field(default_factory=dict)
    exponents: dict[str, int] = field(default_factory=dict)
    indices: dict[str, int] = field(default_factory=dict)
    typed: dict[str, Array] = field(default_factory=dict)
    printed: list[PrintedTensor] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    earlier: dict[str, Array] = field(default_factory=dict)
    model_id: str = ""
    by_firmware: bool = False

    def copy(self) -> Dump:
        """Another one with the same arrays: what a network tells of them is noted in it."""
        return Dump(**{each.name: copy.copy(getattr(self, each.name)) for each in fields(self)})
