"""Board dumps: the text form from a serial monitor, a folder of `.npy` files, an `.npz`.

Reading never guesses: what is damaged or missing is reported, not repaired.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..ops.base.rounding import Array

Source = str | os.PathLike[str] | Mapping[str, Any]


@dataclass(frozen=True)
class Checksum:
    """A tensor of which the board has sent no data.

    Attributes
    ----------
    dtype : str
        As NumPy calls it.
    shape : tuple of int
        In the chip's layout.
    crc : int
        CRC-32 of its bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    crc: int


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
    problems : list of str
        What was damaged or missing, a sentence each.
    notes : list of str
        What was left out without being needed: runs that did not end.
    model_id : str
        Which network the firmware holds; "" where the form does not say.
    by_firmware : bool
        Whether a firmware wrote it; then each tensor has its own shape, and never a part of it.
    """

    tensors: dict[str, Array] = field(default_factory=dict)
    checksums: dict[str, Checksum] = field(default_factory=dict)
    exponents: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    model_id: str = ""
    by_firmware: bool = False


def read_dump(source: Source) -> Dump:
    """Read a dump in any of its forms.

    Parameters
    ----------
    source : path or mapping
        A monitor's log, a folder of `<name>.npy`, an `.npz`, or `{name: array}`.

    Raises
    ------
    DataError
        If there is no such file, or nothing of a dump in it.
    """
    from .folder import read_archive, read_folder
    from .monitor_log import read_log

    if isinstance(source, Mapping):
        return Dump({str(name): _array(str(name), value) for name, value in source.items()})
    path = Path(source)
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise DataError("there is no such dump", where=str(path))
    return read_archive(path) if path.suffix == ".npz" else read_log(path)


def _array(name: str, value: Any) -> Array:
    try:
        return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    except ValueError as error:
        raise DataError("no array", where=name, found=str(error)) from None
