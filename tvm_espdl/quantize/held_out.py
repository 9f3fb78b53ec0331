"""Divides a stream of samples: most are calibrated with, every n-th is kept to judge the result.

Must never let a sample that was held out take part in calibration, nor keep more than fits.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator

from ..errors import EspdlError, EspdlWarning
from ..samples import Sample

#: Of how many samples one judges the result, if nobody says.
DEFAULT_HOLD_OUT = 4

#: With fewer samples than this all are needed for calibration.
LEAST_SAMPLES = 8

#: Samples of each kind that are kept in memory, and bytes that they may take.
MOST_SAMPLES, MOST_BYTES = 64, 1 << 25


def check_hold_out(every: int) -> int:
    """`every`, if some samples are left to calibrate with.

    Raises EspdlError if it is no whole number, or neither 0 nor above 1.
    """
    if not isinstance(every, int) or every == 1 or every < 0:
        raise EspdlError(
            "no sample would be left to calibrate with",
            where="option hold_out",
            found=repr(every),
            allowed="0 (none is held out), or 2 and above (every so many-th is)",
            try_="hold_out=4",
        )
    return every


class HeldOut:
    """An iterator over the samples to calibrate with; what it keeps is there when it has ended.

    Each sample of the number `every` is held out; 0 holds out none. It keeps the first samples that
    were calibrated with, to search with (`searched`), and those held out (`held_out`), and counts
    those calibrated with (`count`).
    """

    def __init__(self, samples: Iterable[Sample], every: int) -> None:
        self._samples, self._every = iter(samples), every
        self.searched: list[Sample] = []
        self.held_out: list[Sample] = []
        self.count = 0

    def __iter__(self) -> Iterator[Sample]:
        first = list(itertools.islice(self._samples, LEAST_SAMPLES))
        every = self._every if len(first) == LEAST_SAMPLES else 0
        for number, sample in enumerate(itertools.chain(first, self._samples)):
            if every and number % every == every - 1 and _has_room(self.held_out, sample):
                self.held_out.append(sample)
                continue
            if _has_room(self.searched, sample):
                self.searched.append(sample)
            self.count += 1
            yield sample
        if every and not self.held_out:
            warnings.warn(
                f"option hold_out: no sample judges the result: it is {every}, and there are "
                f"{self.count} samples; try: at most {self.count}, or 0, which says so",
                EspdlWarning,
                stacklevel=2,
            )


def _has_room(kept: list[Sample], sample: Sample) -> bool:
    size = sum(array.nbytes for array in sample.values())
    return not kept or (len(kept) < MOST_SAMPLES and (len(kept) + 1) * size <= MOST_BYTES)
