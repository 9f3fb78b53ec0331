"""Dumps in text of other firmwares than ours: what ESP-DL prints, and numbers with names given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..files.monitor_lines import log_lines
from ..files.number_text import Numbers, number_groups
from .dump import Dump
from .esp_dl_prints import EspDlPrints, esp_dl_prints

#: Groups of numbers that an error lists.
_MOST_LISTED = 8


def read_printed(path: Path, tensors: Sequence[str] = (), *, happened: str = "") -> Dump:
    """Read what ESP-DL has printed; else, where `tensors` are named, any numbers in a text.

    `happened` is what the log says of the board, for the error.

    Raises
    ------
    DataError
        If the file cannot be read, or holds another number of tensors than are named.
    """
    dump = Dump()
    if not _take(dump, esp_dl_prints(log_lines(path)), tensors, str(path)):
        _take_numbers(dump, log_lines(path), tensors, str(path), happened)
    return dump


def _take(dump: Dump, found: EspDlPrints, tensors: Sequence[str], where: str) -> bool:
    """Whether there is something of ESP-DL's."""
    dump.printed, dump.spots, dump.tested = found.tensors, found.spots, found.tested
    dump.problems += map(str, found.spots)
    if tensors and found.tensors:
        if len(tensors) != len(found.tensors):
            raise DataError(
                "names and printed tensors do not match",
                where=where,
                found=f"{len(found.tensors)} printed tensors, {len(tensors)} names",
                allowed="a name (--tensor) for each, in the order of the log",
            )
        for name, tensor in zip(tensors, found.tensors, strict=True):
            tensor.name = name
    return bool(found.tensors) or bool(found.tested and not tensors)


def _take_numbers(
    dump: Dump, lines: Iterable[str], tensors: Sequence[str], where: str, happened: str
) -> None:
    groups = number_groups(lines) if tensors else []
    if not tensors or not groups:
        raise DataError(
            "the log holds no dump",
            where=where,
            found=happened or None,
            allowed="lines that start with @espdl; what dl::TensorBase::print(true) prints; or, "
            "with --tensor NAME, lines of numbers",
            try_="build the firmware with TVM_ESPDL_DUMP (see crt_config.h)",
        )
    if len(groups) != len(tensors):
        raise DataError(
            "names and groups of numbers do not match",
            where=where,
            found=f"{len(tensors)} names; " + _listed(groups),
            allowed="a name (--tensor) for each group; lines of a group follow one another",
        )
    for name, group in zip(tensors, groups, strict=True):
        kind = np.float64 if group.real else np.int64
        dump.typed[name] = np.asarray(group.values, kind)


def _listed(groups: Sequence[Numbers]) -> str:
    shown = [f"{len(g.values)} numbers in line {g.line}" for g in groups[:_MOST_LISTED]]
    more = f" and {len(groups) - _MOST_LISTED} more" if len(groups) > _MOST_LISTED else ""
    return f"{len(groups)} groups: {', '.join(shown)}{more}"
