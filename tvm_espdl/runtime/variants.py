"""Variants of one network, compiled together: each kernel that they have in common only once.

The same kernels as in the library; here each step is a call of its own, whose result can be seen.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm

from ..ops import Tensor
from ..ops.base.rounding import Array
from ..program import Native, Program, Step
from .host import SeparateKernels
from .host.kernels import kernel_of

#: Sees each value as a step has written it; what it returns, the steps after it read instead.
Watch = Callable[[str, Array], Array | None]

_ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class _Call:
    """One step, and the function that does it.

    Attributes
    ----------
    symbol : str
        Of the function, in the module that all variants share.
    constants : tuple of numpy.ndarray
        Arguments behind the inputs.
    scratch : int
        Bytes of working memory.
    dead : tuple of str
        Values that are not read any more.
    """

    step: Step
    symbol: str
    constants: tuple[Array, ...]
    scratch: int
    dead: tuple[str, ...]


class Variant:
    """A network that runs; `build_variants` makes it.

    Attributes
    ----------
    program : Program
        The whole network.
    """

    def __init__(
        self, program: Program, calls: Sequence[_Call], functions: Mapping[str, Any]
    ) -> None:
        self.program = program
        self._calls = [(call, functions[call.symbol]) for call in calls]
        self._scratch = _memory(max((call.scratch for call in calls), default=0))

    def run(self, inputs: Sequence[Array], watch: Watch | None = None) -> list[Array]:
        """The network's outputs.

        Parameters
        ----------
        inputs : sequence of numpy.ndarray
            One for each of the program's inputs.
        watch : callable, optional
            Sees every value that a step writes, and may replace it by another of its type.
        """
        values = dict(zip(self.program.inputs, inputs, strict=True)) | dict(self.program.constants)
        for call, function in self._calls:
            run = self._native if isinstance(call.step.operator, Native) else self._operator
            for name, array in run(call, function, values).items():
                instead = watch(name, array) if watch is not None else None
                values[name] = array if instead is None else instead
            for name in call.dead:
                del values[name]
        return [values[name] for name in self.program.outputs]

    def _operator(
        self, call: _Call, function: Any, values: Mapping[str, Array]
    ) -> dict[str, Array]:
        (name,) = call.step.outputs
        result = _empty(self.program.values[name])
        read = [_aligned(values[n]) for n in call.step.inputs]
        scratch = [self._scratch] if call.scratch else []
        arrays = (*read, *call.constants, result, *scratch)
        function(*(ctypes.c_void_p(array.ctypes.data) for array in arrays))
        return {name: result}

    def _native(self, call: _Call, function: Any, values: Mapping[str, Array]) -> dict[str, Array]:
        types = [self.program.values[name] for name in call.step.outputs]
        read = [tvm.runtime.tensor(np.array(values[n], order="C")) for n in call.step.inputs]
        written = [tvm.runtime.tensor(np.zeros(t.shape, t.dtype)) for t in types]
        function(*read, *written)
        return {n: t.numpy() for n, t in zip(call.step.outputs, written, strict=True)}


def build_variants(programs: Sequence[Program], target: Any = "llvm") -> list[Variant]:
    """Compile programs.

    Parameters
    ----------
    programs : sequence of Program
        Whole networks without states, of one chip.
    target : tvm.target.Target or str
        Of kind llvm.
    """
    kernels = SeparateKernels()
    calls = [_calls(program, kernels) for program in programs]
    functions = kernels.build(tvm.target.Target(target))
    return [Variant(p, its, functions) for p, its in zip(programs, calls, strict=True)]


def _calls(program: Program, kernels: SeparateKernels) -> list[_Call]:
    readers: dict[str, int] = {}
    for number, step in enumerate(program.steps):
        readers.update(dict.fromkeys((*step.inputs, *step.outputs), number))
    kept = {*program.outputs, *program.constants}
    calls = []
    for number, step in enumerate(program.steps):
        touched = dict.fromkeys((*step.inputs, *step.outputs))
        dead = tuple(n for n in touched if readers[n] == number and n not in kept)
        if isinstance(step.operator, Native):
            calls.append(_Call(step, kernels.native(step.operator.function), (), 0, dead))
            continue
        kernel = kernel_of(step.operator, program.chip, step.constants)
        constants = tuple(map(_aligned, kernel.constants))
        calls.append(_Call(step, kernels.kernel(kernel.function), constants, kernel.scratch, dead))
    return calls


def _memory(size: int) -> Array:
    """Bytes that begin where any kernel takes them."""
    whole = np.empty(size + _ALIGNMENT, np.uint8)
    begin = -whole.ctypes.data % _ALIGNMENT
    return whole[begin : begin + size]


def _empty(tensor: Tensor) -> Array:
    return _memory(tensor.nbytes).view(tensor.dtype).reshape(tensor.shape)


def _aligned(array: Array) -> Array:
    """The array itself where a kernel can read it, else a copy."""
    if array.flags.c_contiguous and array.ctypes.data % _ALIGNMENT == 0:
        return array
    copy = _memory(array.nbytes).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
