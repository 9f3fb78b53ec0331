"""What kernels ask of the memory of values: alignment, bytes behind them, traffic.

It asks steps and operators; where anything lives is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ...ops.base.ccall import Needs
from ..program import Native, Program, Step


def alignments(program: Program, needs: Mapping[int, Needs]) -> dict[str, int]:
    """For each value, of what its first byte's address has to be a multiple."""
    found = {name: np.dtype(t.dtype).itemsize for name, t in program.values.items()}
    for index, need in needs.items():
        step = program.steps[index]
        for name in (*step.inputs, *step.outputs):
            found[name] = math.lcm(found[name], need.alignment)
    return found


def over_reads(program: Program, needs: Mapping[int, Needs]) -> dict[str, int]:
    """For each value that is read behind its last whole vector, by how many bytes at most."""
    found: dict[str, int] = {}
    for index, need in needs.items():
        if need.over_read:
            for name in program.steps[index].inputs:
                found[name] = max(found.get(name, 0), need.over_read)
    return found


def reads(program: Program, step: Step, name: str) -> int:
    """About how many bytes of one of its inputs a step reads.

    Convolutions and products read an element anew for each vector of results, or on chips without
    vectors for each product.
    """
    tensor = program.values[name]
    if isinstance(step.operator, Native) or not step.operator.macs:
        return tensor.nbytes
    size = np.dtype(tensor.dtype).itemsize
    lanes = max(program.chip.vector_bytes // size, 1)
    return max(tensor.nbytes, step.operator.macs * size // lanes)
