"""A program that is one compiled function: one call for a run, or for many samples.

What Python does for a run takes as long as a small network; so all that can be is done beforehand.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ops.base.rounding import Array
from ..program import Program
from .buffers import is_lendable
from .segments import Segment
from .threads import Chooser


class Direct:
    """The function of a program's only segment.

    Parameters
    ----------
    program : Program
        As `suits` wants it.
    segment : Segment
        All its steps.
    functions : mapping of str to function
        Those of the segment by their symbols.
    """

    def __init__(self, program: Program, segment: Segment, functions: Mapping[str, Any]) -> None:
        begin, end = begin_and_end(program)
        self._door, self._many = functions[segment.symbol], functions[segment.many]
        self._chooser = Chooser() if segment.uses_threads else None
        self._inputs = [begin.index(name) for name in segment.inputs]
        tensors = [program.values[name] for name in segment.outputs]
        self._types = [(tensor.shape, np.dtype(tensor.dtype)) for tensor in tensors]
        self._order = [segment.outputs.index(name) for name in end]
        self._results = [len(self._inputs) + place for place in self._order]

    @staticmethod
    def suits(program: Program, segments: Sequence[Segment]) -> bool:
        """Whether one function computes all results, each once, from what NumPy can lend."""
        if len(segments) != 1 or not segments[0].many:
            return False
        _, end = begin_and_end(program)
        (segment,) = segments
        used = (*segment.inputs, *segment.outputs)
        once = len({*end}) == len(end) and {*end} == {*segment.outputs}
        return once and all(is_lendable(program.values[name]) for name in used)

    def run(self, begin: Sequence[Array]) -> list[Array]:
        """The results of one run: outputs, then the next states."""
        arrays = []  # in loops: what Python does takes as long as a small network
        for place in self._inputs:
            array = begin[place]
            flags = array.flags
            lendable = flags.c_contiguous and flags.writeable  # else DLPack lends none
            arrays.append(array if lendable else array.copy())
        for shape, dtype in self._types:
            arrays.append(np.empty(shape, dtype))
        if self._chooser is None:
            self._door(*arrays)
        else:
            pointers = [*map(_pointer, arrays)]
            self._chooser.run(lambda: self._many(1, 1, *pointers), lambda: self._door(*arrays))
        return [arrays[place] for place in self._results]

    def run_many(self, begin: Sequence[Array], outputs: Sequence[Array]) -> None:
        """Compute all samples of `begin` on this thread, without Python's lock.

        Parameters
        ----------
        begin : sequence of numpy.ndarray
            Of each input all samples one behind the other, contiguous, at least one.
        outputs : sequence of numpy.ndarray
            Where the results go, in the same form and the order of those of `run`.
        """
        inputs = [begin[i] for i in self._inputs]
        ordered = [outputs[self._order.index(n)] for n in range(len(outputs))]
        count = len(begin[0]) if begin else len(outputs[0])
        self._many(count, 0, *map(_pointer, inputs), *map(_pointer, ordered))


def begin_and_end(program: Program) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The values with which a run begins and ends, states behind the others."""
    begin = (*program.inputs, *(state.value for state in program.states))
    return begin, (*program.outputs, *(state.next for state in program.states))


def _pointer(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
