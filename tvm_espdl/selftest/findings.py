"""What a run of the self-test's firmware shows of each vector, compared with what is expected.

A checksum that is not the expected one is a difference; the values, where they were printed in
full, say where it is, and whether it is one that a C library may make.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from ..ops.base.rounding import Array
from .firmware import Firmware, Vector
from .firmware_log import Run, Shown
from .trial import difference


def findings_of(run: Run, firmware: Firmware) -> dict[int, str | None]:
    """Of each vector in a run what differs, "" where nothing does, None where nobody can know."""
    findings = {
        index: _finding(firmware.vectors[index], shown, run.values.tensors)
        for index, shown in run.shown.items()
        if index < len(firmware.vectors)
    }
    stopped = run.last + 1
    if run.crash and stopped < len(firmware.vectors):
        operator = firmware.vectors[stopped].operator.name
        findings[stopped] = f"{operator}: the board stopped in it, or behind the one before"
    return findings


def _finding(vector: Vector, shown: Shown, values: Mapping[str, Array]) -> str | None:
    name, expected = vector.trial.name, vector.checksum
    found: list[str] = []
    if shown.checksum != expected:
        output = _values(values.get(name), shown.checksum, vector)
        if output is not None:
            found.append(vector.trial.difference(output))
        elif vector.trial.case.inexact:
            return None
        else:
            found.append(f"checksum {shown.checksum:08x} instead of {expected:08x}")
    places = vector.call.needs.in_place
    if len(shown.in_place) != len(places):
        found.append(f"{len(shown.in_place)} runs in place, {len(places)} expected")
    for place, checksum in zip(places, shown.in_place, strict=False):
        if checksum != shown.checksum:
            output = _values(values.get(f"{name}/in_place_{place}"), checksum, vector)
            text = "" if output is None else difference(output, vector.trial.expected)
            found.append(f"over its input {place}: {text or 'another result than apart from it'}")
    if not shown.untouched:
        found.append("it wrote outside its output")
    if not any(found) and not shown.equal and shown.checksum == expected:
        found.append("the firmware calls it different and sends what was expected")
    texts = "; ".join(filter(None, found))
    return f"{vector.operator.name} by {shown.kernel}: {texts}" if texts else ""


def _values(printed: Array | None, checksum: int, vector: Vector) -> Array | None:
    """An output that was printed in full; None where it is not the one of the checksum."""
    expected = vector.trial.expected
    if printed is None or zlib.crc32(printed.tobytes()) != checksum:
        return None
    same_type = printed.dtype == expected.dtype and printed.size == expected.size
    return printed.reshape(expected.shape) if same_type else printed
