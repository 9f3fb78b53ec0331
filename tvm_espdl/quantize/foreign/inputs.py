"""Draws random inputs within the ranges that a quantized model gives to its inputs.

Must never use anything but the seed for chance: the same model and seed give the same inputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...errors import DataError
from ...onnx_graphs.graph import Array, Graph
from ...onnx_graphs.model import fix_batch, input_signature
from ...onnx_graphs.qlinear.forms import MOVERS
from .nearest import DEVIATIONS
from .strip import Range, Stripped

#: Samples that are drawn where none are given.
DRAWN = 32


def random_inputs(stripped: Stripped, count: int, seed: int) -> Iterator[dict[str, Array]]:
    """Draw `count` samples within the range of each input, float32 at batch 1, one at a time.

    Values are normally distributed around the middle of the range, which ends `DEVIATIONS`
    standard deviations away; what lies outside is cut off. What was an integer input holds only
    numbers that its integers stand for. Raises DataError if an input is not float32, or was not
    quantized, so that its range is not known.
    """
    fixed = fix_batch(stripped.model)
    graph = Graph(fixed)
    signature = input_signature(fixed)
    ranges = {
        name: _range_of(name, dtype, graph, stripped) for name, (_, dtype) in signature.items()
    }
    generator = np.random.default_rng(seed)
    for _ in range(count):
        sample = {
            name: _draw(*ranges[name], shape, generator) for name, (shape, _) in signature.items()
        }
        for name, quantizer in stripped.inputs.items():
            sample[name] = quantizer.dequantize(quantizer.quantize(sample[name]))
        yield sample


def _draw(low: float, high: float, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    deviation = (high - low) / (2 * DEVIATIONS)
    values = generator.normal((low + high) / 2, deviation, shape)
    return np.clip(values, low, high).astype(np.float32)


def _range_of(name: str, dtype: np.dtype[np.generic], graph: Graph, stripped: Stripped) -> Range:
    found = _find(name, graph, stripped.ranges) if dtype == np.float32 else None
    if found is None:
        raise DataError(
            "the range of the input is not known",
            where=f"input {name!r}",
            found=f"{dtype}, not quantized in the model",
            allowed="a quantized float32 input",
            try_="give samples of it",
        )
    return found


def _find(name: str, graph: Graph, ranges: dict[str, Range]) -> Range | None:
    """The range of a tensor, or of what it becomes by operators that only move values."""
    if name in ranges:
        return ranges[name]
    for index in graph.consumers(name):
        node = graph.nodes[index]
        if node.op_type in MOVERS and node.input[0] == name:
            found = _find(node.output[0], graph, ranges)
            if found is not None:
                return found
    return None
