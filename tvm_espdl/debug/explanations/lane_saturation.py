"""The sums of a layer were kept in another register."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...chips import FAMILIES, find_chip
from ...ops.base.rounding import wrap
from ..layer_run import LayerRun
from .explanation import Attempt, Explanation


class LaneSaturation(Explanation):
    """The sums of the layer were kept in another register than the chip's.

    Try: on the ESP32-S3, sums of int8 data are 20 bits wide and saturate after every product, in
    the order bias, row, column, channel; on the other chips they have 32 bits. Where a layer
    overflows 20 bits, quantize its weights or its input more coarsely.
    """

    def attempts(self, run: LayerRun) -> Iterator[Attempt]:
        """Without any limit; in the registers of other chips; limited or wrapped at the end."""
        products, scaled = run.products, run.scaled
        if products is None or scaled is None:
            return
        wide = products.exact()
        yield "nothing limits the sums", replace(scaled, values=wide).result()
        own = run.chip
        for name in FAMILIES.values():
            other = find_chip(name)
            if other.family != own.family:
                lent = replace(own, family=other.family, vector_bytes=other.vector_bytes)
                sums = replace(scaled, values=products.sums(lent))
                yield f"the sums are limited as on the {name}", sums.result()
        rest = own.accumulator(run.inputs[0].dtype.name, in_lanes=False).bits
        for bits in sorted({rest, 20, 32}):
            highest = (1 << (bits - 1)) - 1
            limited = np.clip(wide, -highest - 1, highest)
            detail = f"the sums are limited to {bits} bits once, at the end"
            yield detail, replace(scaled, values=limited).result()
            detail = f"the sums keep their lowest {bits} bits"
            yield detail, replace(scaled, values=wrap(wide, bits)).result()
