"""The quantizer's prices of int8 and int16 against the estimate's: one source, two forms."""

from collections import defaultdict

import numpy as np
import pytest
from latency_rows import rows

from tvm_espdl.chips import find_chip
from tvm_espdl.estimate.cycles import prices_of
from tvm_espdl.estimate.machine import machine_of

#: What the quantizer calls them; the rest are elements.
KINDS = {
    "conv2d": "convolution",
    "depthwise_conv2d": "depthwise",
    "gemm": "product",
    "matmul": "product",
}


def per_unit(name):
    """Of each kind, cycles of a product or an element in int8 and int16, of the same shapes."""
    chip = find_chip(name)
    prices, machine = prices_of(chip), machine_of(chip)
    found = defaultdict(lambda: defaultdict(list))
    for row in rows(name):
        work = row.work
        small = min(work.channels_in, work.channels_out) < 16
        if row.model or row.slice_bytes or not row.instructions or small:
            continue
        cycles = (
            row.instructions * prices.instruction
            + row.filter_fill * machine.constant_cycles("psram")
            + row.activation_fill * machine.tensor_cycles * prices.tensor_bytes
        )
        kind = KINDS.get(work.kernel, "element")
        unit = work.elements_out if kind == "element" else work.macs
        window = work.window.kernel if work.window else None
        shape = (kind, work.kernel, row.source, row.result, window)
        found[shape][work.dtype].append(cycles / unit)
    pairs = defaultdict(list)
    for (kind, *_), widths in found.items():
        if {"int8", "int16"} <= widths.keys():  # The larger one is that with cold caches.
            pairs[kind].append((max(widths["int8"]), max(widths["int16"])))
    return {kind: np.median(several, axis=0) for kind, several in pairs.items()}


@pytest.mark.parametrize("name", ["esp32s3", "esp32p4"])
def test_what_int16_costs_is_what_the_estimate_says(name):
    cycles = find_chip(name).cycles
    found = per_unit(name)
    assert found.keys() == {"convolution", "depthwise", "product", "element"}
    for kind, medians in found.items():
        assert getattr(cycles, kind) == pytest.approx(medians, rel=0.15), kind
