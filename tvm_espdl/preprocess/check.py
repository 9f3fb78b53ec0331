"""Compares a preprocessed network with the original on random inputs, and gives account of it.

Must never let a deviation pass that is not float rounding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from onnx import ModelProto, numpy_helper

from ..onnx_graphs.graph import Array
from ..onnx_graphs.model import Signature
from ..onnx_graphs.session import open_session, run_session

SEED = 20240607
SAMPLES = 3

#: The largest deviation that float rounding explains, relative to the largest value of the output.
#: Folding a layer moves a value by some 1e-7 of it; what comes behind can magnify that.
LARGEST_RELATIVE = 1e-3

#: How often over the deviation may be that a last bit of weights and inputs makes in the original
#: itself. A result near zero of a sum of large terms, or of a Sigmoid whose polynomial is exact to
#: some 1e-7 of its full range, has few bits that mean anything; a thousandth of it is not one.
LARGEST_OF_NOISE = 32.0

#: How often the original is run with other last bits.
_TRIALS = 4

#: Operators whose constants are numbers to compute with, and not sizes, scales or limits.
_ARITHMETIC = {
    *("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization"),
    *("Add", "Sub", "Mul", "Div", "GRU", "LSTM", "RNN"),
}

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
    noise : float
        What last bits make of that output in the original, relative to the same value; 0 where
        nobody asked.
    """

    absolute: float = 0.0
    relative: float = 0.0
    output: str = ""
    noise: float = 0.0

    @property
    def allowed(self) -> float:
        """The largest `relative` that float rounding explains."""
        return max(LARGEST_RELATIVE, LARGEST_OF_NOISE * self.noise)

    @property
    def is_rounding(self) -> bool:
        """Whether float rounding can be the reason."""
        return self.relative <= self.allowed


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
        The number of random inputs that were compared; 0 where nothing was changed, or nothing was
        to be compared.
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
            else "the result was not compared with the original"
            if self.steps
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
        self._model = model

    def deviation_of(self, model: ModelProto) -> Deviation:
        """How far `model`, which has the same inputs and outputs, is from the original.

        Of several outputs, the one is told that is furthest beyond what rounding explains.
        """
        found = self._deviations(self._run(model, "the preprocessed network"))
        worst = Deviation()
        for name, one in found.items():
            noise = self._noise[name] if one.relative > LARGEST_RELATIVE else 0.0
            judged = dataclasses.replace(one, noise=noise)
            if judged.relative / judged.allowed > worst.relative / worst.allowed:
                worst = judged
        return dataclasses.replace(
            worst, absolute=max((d.absolute for d in found.values()), default=0.0)
        )

    def _deviations(self, results: list[list[Array]]) -> dict[str, Deviation]:
        """Of each output, the largest one of all samples."""
        found = dict.fromkeys(self.names, Deviation())
        for sample, expected in zip(results, self.outputs, strict=True):
            for name, one, other in zip(self.names, sample, expected, strict=True):
                new, old = _deviation(name, one, other), found[name]
                largest = max(new.absolute, old.absolute)
                further = new if new.relative > old.relative else old
                found[name] = dataclasses.replace(further, absolute=largest)
        return found

    @cached_property
    def _noise(self) -> dict[str, float]:
        """What last bits of weights and inputs make of each output, relative to its largest value.

        It is what other kernels, or another order of the same sums, may differ by.
        """
        rng = np.random.default_rng(SEED)
        noise = dict.fromkeys(self.names, 0.0)
        for _ in range(_TRIALS):
            model = _other_last_bits(self._model, rng)
            session = open_session(model, "the original network")
            results = []
            for sample in self.samples:
                other = {name: _nudged(array, rng) for name, array in sample.items()}
                results.append(run_session(session, self.names, other, "the original network"))
            for name, deviation in self._deviations(results).items():
                noise[name] = max(noise[name], deviation.relative)
        # What jumps to infinity by a last bit is no measure of anything.
        return {name: value if np.isfinite(value) else 0.0 for name, value in noise.items()}

    def _run(self, model: ModelProto, where: str) -> list[list[Array]]:
        session = open_session(model, where)
        return [run_session(session, self.names, sample, where) for sample in self.samples]


def _other_last_bits(model: ModelProto, rng: np.random.Generator) -> ModelProto:
    other = ModelProto()
    other.CopyFrom(model)
    nodes = [node for node in other.graph.node if node.op_type in _ARITHMETIC]
    read = {name for node in nodes for name in node.input}
    for tensor in other.graph.initializer:
        if tensor.name in read:
            nudged = _nudged(numpy_helper.to_array(tensor), rng)
            tensor.CopyFrom(numpy_helper.from_array(nudged, tensor.name))
    return other


def _nudged(array: Array, rng: np.random.Generator) -> Array:
    """The array with each float by at most one last bit larger or smaller."""
    if array.dtype.kind != "f":
        return array
    steps = rng.integers(-1, 2, size=array.shape)
    nudged = array * (1.0 + steps * np.finfo(array.dtype).eps)
    return np.asarray(nudged, dtype=array.dtype, order="C")


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
