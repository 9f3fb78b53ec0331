"""The exceptions that users of tvm-espdl meet; every message says what, where and what to try.

Internal mistakes of this package are not in here: they stay ordinary Python exceptions.
"""

from __future__ import annotations

#: Characters of one part of a message; what a damaged file calls a name can be thousands.
LONGEST_PART = 2000


def _short(part: object) -> str:
    text = str(part)
    half = LONGEST_PART // 2
    return text if len(text) <= LONGEST_PART else f"{text[:half]} ... {text[-half:]}"


class EspdlError(Exception):
    """What the user gave cannot be used; the command line ends with exit status 2.

    Parameters
    ----------
    what : str
        What is wrong, as a sentence without its full stop.
    where : str
        The file, node, tensor or option it was found in.
    found : object
        What was found there.
    allowed : object
        What would have been accepted.
    try_ : str
        What to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        found: object = None,
        allowed: object = None,
        try_: str = "",
    ) -> None:
        self.what, self.where, self.found, self.allowed, self.try_ = (
            what,
            where,
            found,
            allowed,
            try_,
        )
        parts = [f"{_short(where)}: {what}" if where else what]
        if found is not None:
            parts.append(f"found: {_short(found)}")
        if allowed is not None:
            parts.append(f"allowed: {_short(allowed)}")
        if try_:
            parts.append(f"try: {try_}")
        super().__init__("; ".join(parts))


class ModelError(EspdlError):
    """The network cannot be read or compiled: its file, shapes, scales or zero points."""


class DataError(EspdlError):
    """Calibration or input data have the wrong shape, dtype or values."""


class ChipError(EspdlError):
    """No such chip, or the chip cannot do what was asked for."""


class OutputError(EspdlError):
    """The place to write to exists already or cannot be written."""


class ToolError(EspdlError):
    """A program outside this package (a C compiler, an emulator) is missing or failed."""


class EspdlWarning(UserWarning):
    """Something works, but hardly as the user wants it; the message says what to do."""
