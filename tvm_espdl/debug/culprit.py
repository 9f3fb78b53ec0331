"""Whose fault a difference is: each layer recomputed alone from the board's own inputs of it.

A layer that then agrees only passes on an error. One that does not is a culprit, and the known
explanations are tried on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..ops import Operator
from ..ops.base.rounding import Array
from ..ops.quantize import Quantize
from ..ops.reshape import Reshape
from ..ops.transpose import Transpose
from ..program import Native, Program, Step
from .explanations import explained
from .layer_run import Clock, LayerRun, Normalization
from .layers import Layer, axes_of, layers_of
from .observed import Observed
from .rows import Explained, Fault
from .statistics import statistics_of

#: Of fewer values, explanations may fit all by chance, and that is said.
_FEW_VALUES = 16


class Recomputer(Protocol):
    """What is asked of a network on the PC; `Library` answers it."""

    @property
    def program(self) -> Program:
        """The network as a static list of calls."""

    def recompute(self, step: Step, arrays: Sequence[Array]) -> dict[str, Array]:
        """What one call of the program writes, of these inputs."""


@dataclass(frozen=True, eq=False)
class _Known:
    """A value as the board had it.

    `through` are the calls that were recomputed for it, because the dump does not show it.
    """

    array: Array
    through: frozenset[int]
    is_pcs: bool


class Investigation:
    """Goes through a network once, in the order of execution.

    Parameters
    ----------
    host : Recomputer
        The network.
    board : mapping of str to Observed
        What the board shows, of the types and shapes of the network.
    pc : mapping of str to numpy.ndarray
        Every value of the run on the PC.
    seconds : float
        That explanations may take, all together.
    normalizations : sequence of (mean, std)
        What the user says of images.
    earlier : mapping of str to numpy.ndarray
        Tensors of the run before, of the types and shapes of the network.

    Attributes
    ----------
    faults : dict of str to Fault
        For every tensor that differs, in the order of execution.
    notes : list of str
        What is strange about tensors that do not differ.
    """

    def __init__(
        self,
        host: Recomputer,
        board: Mapping[str, Observed],
        pc: Mapping[str, Array],
        *,
        seconds: float,
        normalizations: Sequence[Normalization] = (),
        earlier: Mapping[str, Array] | None = None,
    ) -> None:
        self._host = host
        self._program = host.program
        self._board = board
        self._pc = pc
        self._clock = Clock(seconds)
        self._normalizations = tuple(normalizations)
        self._earlier = earlier or {}
        self._layers = layers_of(self._program)
        self._axes = axes_of(self._program)
        self._made = {n: i for i, step in enumerate(self._program.steps) for n in step.outputs}
        self._known: dict[str, _Known] = {}
        self._whole = {n: o.values for n, o in board.items() if o.whole and o.values is not None}
        self.faults: dict[str, Fault] = {}
        self.notes: list[str] = []
        self._begin()
        for number, step in enumerate(self._program.steps):
            self._look_at(number, step)

    def _begin(self) -> None:
        """Inputs and states as the board shows them; as the PC was fed where it does not."""
        program = self._program
        for name, array in program.constants.items():
            self._known[name] = _Known(array, frozenset(), True)
        for name in (*program.inputs, *(state.value for state in program.states)):
            seen = self._board.get(name)
            if seen is None or seen.shows(self._pc[name]):
                self._known[name] = _Known(self._pc[name], frozenset(), True)
                continue
            if name in self._whole:
                self._known[name] = _Known(self._whole[name], frozenset(), False)
            self.faults[name] = self._fed_otherwise(name, seen)

    def _fed_otherwise(self, name: str, seen: Observed) -> Fault:
        """Of an input or a state, as if a call computed it of what the PC was fed."""
        why = "no layer computes it: the board was fed something else than the PC"
        step, right = _entering(self._program, name), self._pc[name]
        array = right
        if isinstance(step.operator, Quantize):
            array = np.ldexp(right.astype(np.float32), step.operator.y.uniform_exponent)
        found, untried = self._explained(step, (array,), right, (), seen)
        return Fault(name, None, "culprit", why + untried, found, self._statistics(name))

    def _explained(
        self,
        step: Step,
        inputs: tuple[Array, ...],
        right: Array,
        after: tuple[Step, ...],
        seen: Observed,
    ) -> tuple[tuple[Explained, ...], str]:
        """What fits, and in words what is not tried."""
        if isinstance(step.operator, Native):
            return (), "; TVM compiles it, so that no explanation can be tried"
        if not seen.whole:
            return (), "; too little of it is in the dump to explain it"
        run = LayerRun(
            self._program,
            step,
            step.operator,
            inputs,
            right,
            after,
            seen,
            self._whole,
            self._clock,
            self._normalizations,
            self._earlier,
        )
        found, untried = explained(run)
        told = untried and f"; {untried}"
        if found and right.size < _FEW_VALUES:
            told += f"; it has {right.size} values only, which an explanation can fit by chance"
        return tuple(found), told

    def _look_at(self, number: int, step: Step) -> None:
        inputs = [self._known.get(name) for name in step.inputs]
        lacking = [n for n, known in zip(step.inputs, inputs, strict=True) if known is None]
        there = [known for known in inputs if known is not None]
        results: Mapping[str, Array] | None = None
        if not lacking:
            clean = all(known.is_pcs for known in there)
            arrays = [known.array for known in there]
            results = self._pc if clean else self._host.recompute(step, arrays)
        through = frozenset({number}).union(*(known.through for known in there))
        for name in step.outputs:
            result = None if results is None else results[name]
            seen = self._board.get(name)
            if seen is not None and not seen.shows(self._pc[name]):
                self.faults[name] = self._fault(name, seen, result, lacking)
            elif seen is not None and result is not None and not seen.shows(result):
                self.notes.append(
                    f"{name}: the PC's values, though its inputs are not the PC's: the dump may "
                    "hold tensors of different runs"
                )
            self._keep(name, seen, result, through)

    def _keep(
        self, name: str, seen: Observed | None, result: Array | None, through: frozenset[int]
    ) -> None:
        pcs = self._pc[name]
        if name in self._whole:
            same = seen is not None and seen.shows(pcs)
            self._known[name] = _Known(self._whole[name], frozenset(), same)
        elif seen is not None and seen.whole and seen.shows(pcs):
            self._known[name] = _Known(pcs, frozenset(), True)  # its checksum is the PC's
        elif result is not None and (seen is None or seen.shows(result)):
            certain = seen is not None and seen.whole
            path = frozenset[int]() if certain else through
            self._known[name] = _Known(result, path, result is pcs)

    def _fault(
        self, name: str, seen: Observed, result: Array | None, lacking: Sequence[str]
    ) -> Fault:
        layer = self._layers[self._made[name]]
        if result is None:
            listed = ", ".join(lacking)
            why = f"cannot be told: what the board had of {listed} is not in the dump"
            return Fault(name, layer, "unknown", why)
        if seen.shows(result):
            return Fault(name, layer, "inherits", "of the board's own inputs it is right")
        core, after, between = self._core(name)
        if between:
            suspects = tuple(self._layers[n] for n in sorted({core, *between}))
            why = "one of the layers before it or itself: the tensors between are not in the dump"
            return Fault(name, layer, "unknown", why, suspects=suspects)
        return self._culprit(name, seen, self._layers[core], after)

    def _core(self, name: str) -> tuple[int, tuple[Step, ...], set[int]]:
        """The call behind which a value is only moved; the moves; unseen calls before it."""
        number = self._made[name]
        after: list[Step] = []
        step = self._program.steps[number]
        while isinstance(step.operator, (Reshape, Transpose)):
            (source,) = step.inputs
            if self._made.get(source) not in self._known[source].through:
                break
            after.insert(0, step)
            number = self._made[source]
            step = self._program.steps[number]
        between = {n for source in step.inputs for n in self._known[source].through}
        return number, tuple(after), between

    def _culprit(self, name: str, seen: Observed, layer: Layer, after: tuple[Step, ...]) -> Fault:
        why = "of the board's own inputs it should give something else"
        step = self._program.steps[layer.number]
        inputs = tuple(self._known[source].array for source in step.inputs)
        right = self._host.recompute(step, inputs)[step.outputs[0]]
        found, untried = self._explained(step, inputs, right, after, seen)
        statistics = self._statistics(name, self._moved(right, after))
        return Fault(name, layer, "culprit", why + untried, found, statistics)

    def _moved(self, right: Array, after: tuple[Step, ...]) -> Array:
        for step in after:
            assert isinstance(step.operator, Operator)
            right = step.operator.reference(self._program.chip, right)
        return right

    def _statistics(self, name: str, right: Array | None = None) -> tuple[str, ...]:
        board = self._whole.get(name)
        if board is None:
            return ()
        expected = self._pc[name] if right is None else right
        known = str(expected.dtype) in ("int8", "int16")
        lanes = self._program.chip.lanes(str(expected.dtype)) if known else 0
        return statistics_of(board, expected, self._axes.get(name, ""), lanes)


def _entering(program: Program, name: str) -> Step:
    """A call in the place of what an application does with an input: it gives it as it is.

    Integers are quantized from the floats that they stand for.
    """
    tensor = program.values[name]
    if isinstance(tensor.exponent, int):
        floats = replace(tensor, dtype="float32", exponent=None)
        return Step(Quantize(floats, tensor), (name,), (name,))
    return Step(Reshape(tensor, tensor), (name,), (name,))
