"""Board dumps: the text form from a serial monitor, a folder of `.npy` files, an `.npz`.

Reading never guesses: what is damaged or missing is reported, not repaired.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..ops.base.rounding import Array
from .dump import Dump
from .folder import read_archive, read_folder
from .monitor_log import read_log

Source = str | os.PathLike[str] | Mapping[str, Any]


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
