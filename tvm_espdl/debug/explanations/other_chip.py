"""A layer computes as another chip does."""

from __future__ import annotations

from collections.abc import Iterator

from ...chips import FAMILIES, find_chip
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class OtherChip(Explanation):
    """The layer computes what another family of chips computes.

    Try: compare with the chip that the firmware was built for (`--target_chip`), or export the
    project for the chip that it runs on.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """One chip of each other family."""
        for name in FAMILIES.values():
            other = find_chip(name)
            if other.family != run.chip.family:
                yield f"these are the bits of the {name}", run.recomputed(chip=other)
