"""Samples that are gone through more than once: read anew each time where that is possible.

Must never keep samples in memory but those of an iterator, which gives them only once.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..onnx_graphs.model import Signature
from .checks import Sample
from .stream import Calibration, can_reopen, read_samples


class SeveralPasses:
    """The samples of calibration data, as often as they are asked for.

    Parameters
    ----------
    calibration, signature, progress
        As for `read_samples`, whose errors and warnings come with the first pass.
    """

    def __init__(
        self, calibration: Calibration, signature: Signature, *, progress: bool | None = None
    ) -> None:
        self._calibration, self._signature, self._progress = calibration, signature, progress
        self._kept: list[Sample] | None = None
        self._again = False
        if not can_reopen(calibration):
            self._kept = list(self._read())

    def __iter__(self) -> Iterator[Sample]:
        return self._read() if self._kept is None else iter(self._kept)

    def _read(self) -> Iterator[Sample]:
        again, self._again = self._again, True
        return read_samples(
            self._calibration, self._signature, progress=self._progress, again=again
        )
