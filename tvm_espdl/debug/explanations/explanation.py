"""What every explanation is: a sentence, a remedy, and a way to compute what the board shows."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from ...ops.base.rounding import Array
from ..layer_run import LayerRun
from ..rows import Explained

#: Ways to make the same mistake that are named, where several give the same values.
_MOST_DETAILS = 3

#: What the layer's result would be, and in words how it comes about.
Attempt = tuple[str, Array]


class Explanation:
    """A known mistake; the first paragraph of a class is what users read, the second what to do.

    It gives `attempts`, or, where it looks at the bytes themselves, its own `found`.
    """

    @property
    def name(self) -> str:
        """That of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def sentence(self) -> str:
        """What has happened."""
        return self._paragraph(0)

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self._paragraph(1).removeprefix("Try: ")

    def _paragraph(self, number: int) -> str:
        text = inspect.cleandoc(type(self).__doc__ or "")
        return text.split("\n\n")[number].replace("\n", " ")

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Results that the layer would have had; none where the mistake cannot be made."""
        raise NotImplementedError

    def found(self, run: LayerRun) -> str | None:
        """How the mistake gives all values that the board shows, in words; None where it does not.

        Raises
        ------
        OutOfTimeError
            If the run's clock says so.
        """
        details: dict[str, None] = {}
        for detail, result in self.attempts(run):
            if detail not in details and run.fits(result):
                details[detail] = None
                if len(details) == _MOST_DETAILS:
                    break
        return "; or ".join(details) or None

    def explained(self, detail: str) -> Explained:
        """What users get."""
        return Explained(self.name, self.sentence, detail, self.remedy)
