"""Numbers that somebody has printed or typed: of C's `printf("%d,", …)`, of NumPy, of a list.

It finds them in text; what they are values of is said by those who read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_NUMBER = r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,4})?|nan|inf)"
_BETWEEN = r"[\s,\[\](){};]"
_ONLY_NUMBERS = re.compile(
    rf"{_BETWEEN}*{_NUMBER}(?:{_BETWEEN}+{_NUMBER})*{_BETWEEN}*", re.IGNORECASE
)
_EACH = re.compile(_NUMBER, re.IGNORECASE)
#: What a monitor or ESP_LOGI writes before a line.
_BEFORE = re.compile(
    r"^[0-9 :.-]*(?:-?> ?)?[EWIDV] \([0-9:.]+\) [^:]{1,40}: |^[0-9 :.-]*?(?:->|>) "
)
_MOST_NUMBERS = 1 << 24


@dataclass
class Numbers:
    """Numbers that stand in lines one below the other.

    Attributes
    ----------
    line : int
        Where they begin, from 1 on.
    values : list of int or float
        In their order.
    real : bool
        Whether one of them has a decimal point or an exponent.
    """

    line: int
    values: list[int | float] = field(default_factory=list)
    real: bool = False

    def add(self, text: str) -> None:
        """Read a line of numbers."""
        for word in _EACH.findall(text):
            if re.fullmatch(r"[-+]?[0-9]+", word):
                self.values.append(int(word))
            else:
                self.values.append(float(word))
                self.real = True


def message(line: str) -> str:
    """A line without the level, time and name that a log or a monitor writes before it."""
    return _BEFORE.sub("", line.strip(), count=1)


def numbers_in_line(line: str, number: int = 1) -> Numbers | None:
    """The numbers of a line that has nothing else; None for any other."""
    text = message(line)
    if not text or not _ONLY_NUMBERS.fullmatch(text):
        return None
    found = Numbers(number)
    found.add(text)
    return found


def number_groups(lines: Iterable[str]) -> list[Numbers]:
    """All numbers that stand alone in their lines; others' lines, and empty ones, part them."""
    groups: list[Numbers] = []
    open_, total = False, 0
    for number, line in enumerate(lines, 1):
        found = numbers_in_line(line, number)
        if found is None or total > _MOST_NUMBERS:
            open_ = False
            continue
        total += len(found.values)
        if open_:
            groups[-1].values += found.values
            groups[-1].real |= found.real
        else:
            groups.append(found)
        open_ = True
    return groups
