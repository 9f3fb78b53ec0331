"""A quantized network in float arithmetic whose exponents can be changed between two runs.

Rounding and saturation are the chip's, sums are float32: good enough to search with, never to
report with. Scales and constants are inputs of one onnxruntime session, so that a trial costs an
inference and not a new session.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import onnx
from onnx import ModelProto, helper

from ..chips import Chip
from ..onnx_graphs.graph import Array
from ..onnx_graphs.session import open_session, run_session
from ..samples import Sample
from .calibration import with_outputs
from .exponents import integer_limits
from .masks import unmasked
from .plan import Operand, Plan
from .qdq import QdqWriter, StoredConstant, assemble, stored_constants
from .settled_exponents import Assignment
from .sharing import share_exponents


class _Fed(NamedTuple):
    """The inputs that say how a tensor is rounded; its limits are fed only where it is not."""

    step: str
    inverse: str
    lowest: str
    highest: str


#: What stands for no rounding: a step so fine, and limits that nothing reaches.
_NO_STEP, _NO_LIMIT = 2.0**-40, 3e38


class _SimulationWriter(QdqWriter):
    """Writes rounding and saturation as float arithmetic with scales that can be fed."""

    def __init__(self, model: ModelProto, plan: Plan, assignment: Assignment, chip: Chip) -> None:
        # Every edge that might need a requantize has one: at equal exponents it changes nothing.
        sharing = share_exponents(plan)
        operands = (*sharing.edges, *itertools.chain(*sharing.meetings))
        every = {operand: assignment.input_exponent(plan, *operand) for operand in operands}
        complete = replace(assignment, requantized={**every, **assignment.requantized})
        super().__init__(model, plan, complete, chip)
        self.scales: dict[str | Operand, _Fed] = {}
        self.fed: dict[Operand, str] = {}

    def round_trip(
        self, key: str | Operand, source: str, base: str, target: str, *, exponent: int, bits: int
    ) -> None:
        low, high = integer_limits(bits)
        step, inverse = self._scalar(f"{base}_step", 1), self._scalar(base, 1)
        scaled = self._step("Mul", [source, inverse], base)
        if self.chip.rounding == "half_up":
            shifted = self._step("Add", [scaled, self._scalar(f"{base}_half", 0.5)], base)
            whole = self._step("Floor", [shifted], base)
        else:
            whole = self._step("Round", [scaled], base)
        lowest, highest = (self._scalar(f"{base}_limit", limit) for limit in (low, high))
        self.scales[key] = _Fed(step, inverse, lowest, highest)
        held = self._step("Clip", [whole, lowest, highest], base)
        self.nodes.append(helper.make_node("Mul", [held, step], [target]))

    def _scalar(self, base: str, value: float) -> str:
        return self.add_constant(base, np.array(value, dtype=np.float32))

    def _step(self, operator: str, inputs: list[str], base: str) -> str:
        output = self.names.fresh(f"{base}_{operator}")
        self.nodes.append(helper.make_node(operator, inputs, [output]))
        return output

    def write_constant(self, operand: Operand, stored: StoredConstant) -> str:
        value = np.zeros_like(self.graph.constant(stored.name))
        self.fed[operand] = self.add_constant(f"{stored.name}_fed", value)
        return self.fed[operand]


class Simulation:
    """A quantized network for trials.

    `model` is the preprocessed float network that `plan` was made from; the exponents of
    `assignment` decide about nothing but where constants go; `watched` is what `run` may be asked
    for besides the network's outputs, and `sums` what `run_sums` may be.
    """

    def __init__(
        self,
        model: ModelProto,
        plan: Plan,
        assignment: Assignment,
        chip: Chip,
        *,
        watched: Iterable[str] = (),
        sums: Iterable[str] = (),
    ) -> None:
        self._plan, self._chip = plan, chip
        self._writer = _SimulationWriter(model, plan, assignment, chip)
        self._writer.write()
        written = assemble(model, self._writer)
        fed = {name for pair in self._writer.scales.values() for name in pair}
        fed.update(self._writer.fed.values())
        for tensor in written.graph.initializer:
            if tensor.name in fed:
                # An initializer that is listed among the inputs can be fed.
                written.graph.input.append(
                    helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
                )
        inferred = onnx.shape_inference.infer_shapes(written)
        self._before = self._writer.float_names
        self._after = self._writer.dequantized
        inner = {self._after.get(name, name) for name in watched}
        inner |= {self._before.get(name, name) for name in sums}
        self._session = open_session(with_outputs(inferred, sorted(inner)), "simulation")
        self._outputs = list(plan.graph.outputs)
        self._constants: dict[tuple[Operand, tuple[int, ...], int], tuple[Array, Array]] = {}
        self._feed: dict[str, Array] = {}
        self.set(assignment)

    def of_constants(self, plan: Plan) -> Simulation:
        """The same network with the constants of `plan`, which is alike in all else.

        It shares the session, so that it costs nothing to make.
        """
        other = copy.copy(self)
        other._plan, other._constants, other._feed = plan, {}, {}
        return other

    @property
    def rounded(self) -> Collection[str | Operand]:
        """What is rounded on its way: activations, and operands that may be requantized."""
        return self._writer.scales.keys()

    def set(self, assignment: Assignment, exact: Collection[str | Operand] = ()) -> None:
        """Take over the exponents and replaced values of `assignment`.

        Those of `exact` are neither rounded nor saturated: activations, operands that are
        requantized, and constant operands.
        """
        feed: dict[str, Array] = {}
        for key, fed in self._writer.scales.items():
            if key in exact:
                limits = (fed.lowest, -_NO_LIMIT), (fed.highest, _NO_LIMIT)
                feed.update((name, np.array(limit, dtype=np.float32)) for name, limit in limits)
                step = _NO_STEP
            elif isinstance(key, str):
                step = 2.0 ** assignment.tensors[key]
            else:
                step = 2.0 ** assignment.input_exponent(self._plan, *key)
            feed[fed.step] = np.array(step, dtype=np.float32)
            feed[fed.inverse] = np.array(1 / step, dtype=np.float32)
        for operand, stored in stored_constants(self._plan, assignment, self._chip).items():
            if operand in exact:
                value = self._plan.graph.constant(stored.name)
            else:
                value = self._constant(operand, stored, assignment)
            feed[self._writer.fed[operand]] = value
        self._feed = feed

    def _constant(self, operand: Operand, stored: StoredConstant, assignment: Assignment) -> Array:
        key = (operand, tuple(np.atleast_1d(stored.exponents).tolist()), stored.limit)
        value = assignment.values.get(operand, self._plan.graph.constant(stored.name))
        known = self._constants.get(key)
        # Trials share the arrays that they do not change; the one kept here cannot be another.
        if known is not None and known[0] is value:
            return known[1]
        integers = stored.integers(value, self._chip.rounding).astype(np.float64)
        held = np.asarray(np.ldexp(integers, stored.spread(value.ndim)), dtype=np.float32)
        self._constants[key] = (value, held)
        return held

    def run(self, sample: Sample, tensors: Sequence[str] | None = None) -> list[Array]:
        """Compute float32 tensors for one sample: those given, as readers see them, or the outputs.

        Only what they need is computed.
        """
        names = self._outputs if tensors is None else [self._after.get(n, n) for n in tensors]
        return self._run(sample, names)

    def run_sums(self, sample: Sample, tensors: Sequence[str]) -> list[Array]:
        """Compute some of `sums` for one sample, before they are rounded to their exponent."""
        return self._run(sample, [self._before.get(name, name) for name in tensors])

    def _run(self, sample: Sample, names: list[str]) -> list[Array]:
        return run_session(self._session, names, {**sample, **self._feed}, "simulation")


def noise_power(
    references: Sequence[Mapping[str, Array]],
    found: Sequence[Mapping[str, Array]],
    logarithms: Container[str] = (),
) -> float:
    """Mean over the outputs of error over signal, each summed over all samples.

    0 for equal outputs, infinite where one that was found is not finite; 10·log10 of its inverse is
    the signal-to-noise ratio in dB where there is one output. Of `logarithms` of probabilities,
    what was masked does not count.
    """
    ratios = []
    for name in references[0]:
        pairs = [
            (r[name].astype(np.float64), f[name]) for r, f in zip(references, found, strict=True)
        ]
        if name in logarithms:
            pairs = [unmasked(*pair) for pair in pairs]
        signal = sum(float((r**2).sum()) for r, _ in pairs)
        noise = sum(float(((r - f) ** 2).sum()) for r, f in pairs)
        noise = noise if np.isfinite(noise) else np.inf
        ratios.append(noise / signal if signal else float(noise > 0))
    return float(np.mean(ratios))
