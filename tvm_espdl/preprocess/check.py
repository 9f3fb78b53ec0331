"""Compares a preprocessed network with the original on random inputs, and gives account of it.

Must never let a deviation pass that is not float rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature
from ..onnx_graphs.session import open_session, run_session

SEED = 20240607
SAMPLES = 3

#: The largest deviation that float rounding explains, relative to the largest value of the output.
#: Folding a layer moves a value by some 1e-7 of it; what comes behind can magnify that.
LARGEST_RELATIVE = 1e-3

#: The share of integer outputs that may differ, as the index of one of two nearly equal values may.
LARGEST_SHARE = 1e-2

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Deviation:
    """How far the outputs of two networks are apart.

    Attributes
    ----------
    absolute : float
        The largest difference of two elements.
    relative : float
        The largest difference relative to the largest value of its output.
    output : str
        The output that `relative` belongs to; empty where nothing differs.
    """

    absolute: float = 0.0
    relative: float = 0.0
    output: str = ""

    @property
    def is_rounding(self) -> bool:
        """Whether float rounding can be the reason."""
        return self.relative <= LARGEST_RELATIVE


@dataclass(frozen=True)
class PreprocessReport:
    """What preprocessing did to a network.

    Attributes
    ----------
    steps : tuple of (str, int)
        The steps that changed something, in the order of the table, and in how many places.
    absolute : float
        Largest difference between an element of an output and the original's.
    relative : float
        Largest difference relative to the largest value of its output.
    samples : int
        The number of random inputs that were compared; 0 where nothing was changed.
    """

    steps: tuple[tuple[str, int], ...]
    absolute: float = 0.0
    relative: float = 0.0
    samples: int = 0

    def __str__(self) -> str:
        lines = [f"{name}: {count} place{'s' if count > 1 else ''}" for name, count in self.steps]
        lines.append(
            f"largest deviation from the original on {self.samples} random inputs: "
            f"{self.absolute:.2g}, {self.relative:.2g} of the output's largest value"
            if self.samples
            else "no node was changed"
        )
        return "\n".join(lines)


class Original:
    """The outputs of the original network, as it was given, on random inputs of batch 1.

    These lie in `ranges` of real data, by input; of the others, the first sample is from 0 to 1,
    the second from -1 to 1, and the third is normally distributed.
    """

    def __init__(self, model: ModelProto, signature: Signature, ranges: Ranges) -> None:
        rng = np.random.default_rng(SEED)
        self.names = [value.name for value in model.graph.output]
        self.samples = [_random_inputs(signature, ranges, kind, rng) for kind in range(SAMPLES)]
        self.outputs = self._run(model, "the original network")

    def deviation_of(self, model: ModelProto) -> Deviation:
        """How far `model`, which has the same inputs and outputs, is from the original."""
        worst = Deviation()
        results = self._run(model, "the preprocessed network")
        for sample, expected in zip(results, self.outputs, strict=True):
            for name, one, other in zip(self.names, sample, expected, strict=True):
                found = _deviation(name, one, other)
                if found.relative >= worst.relative and found.relative > 0.0:
                    worst = Deviation(
                        max(found.absolute, worst.absolute), found.relative, found.output
                    )
                elif found.absolute > worst.absolute:
                    worst = Deviation(found.absolute, worst.relative, worst.output)
        return worst

    def _run(self, model: ModelProto, where: str) -> list[list[Array]]:
        session = open_session(model, where)
        return [run_session(session, self.names, sample, where) for sample in self.samples]


def _random_inputs(
    signature: Signature, ranges: Ranges, kind: int, rng: np.random.Generator
) -> dict[str, Array]:
    inputs = {}
    for name, (shape, dtype) in signature.items():
        if name in ranges:
            values = rng.uniform(*ranges[name], size=shape)
        elif dtype.kind != "f":
            # Small integers are valid as indices, too.
            values = rng.integers(0, 2, size=shape).astype(np.float64)
        elif kind < SAMPLES - 1:
            values = rng.uniform(-float(kind), 1.0, size=shape)
        else:
            values = rng.normal(size=shape)
        inputs[name] = values.astype(dtype)
    return inputs


def _deviation(name: str, found: Array, expected: Array) -> Deviation:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return Deviation(np.inf, np.inf, name)
    if expected.dtype.kind != "f":
        share = float(np.mean(found != expected)) if found.size else 0.0
        size = 1.0 if share else 0.0
        return Deviation(size, share * LARGEST_RELATIVE / LARGEST_SHARE, name)
    one, other = found.astype(np.float64), expected.astype(np.float64)
    # Not a number, or infinite, at the same places is equal.
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return Deviation()
    if not np.isfinite(one[~same]).all() or not np.isfinite(other[~same]).all():
        return Deviation(np.inf, np.inf, name)
    largest = float(np.abs(other[np.isfinite(other)]).max())
    absolute = float(np.abs(one[~same] - other[~same]).max())
    return Deviation(absolute, absolute / largest if largest else np.inf, name)
