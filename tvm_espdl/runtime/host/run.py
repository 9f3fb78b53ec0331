"""Runs single operators on the host, for tests and for the self-test.

Many cases share one build; nothing is kept between calls.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tvm
from tvm.target import Target

from ...chips import Chip
from ...ops import Operator
from ...ops.base.rounding import Array
from ...program import Program, Step
from .module import build_regions, host_target

Case = tuple[Operator, Chip, Sequence[Array]]


def run_operator(
    operator: Operator, chip: Chip, arrays: Sequence[Array], target: Target | None = None
) -> Array:
    """The result of one operator.

    Parameters
    ----------
    arrays : sequence of numpy.ndarray
        Inputs, then constants, as `Operator.reference` takes them.
    target : tvm.target.Target, optional
        Whose `mcpu` names the CPU, else this PC's.
    """
    return run_operators([(operator, chip, arrays)], target)[0]


def run_operators(cases: Sequence[Case], target: Target | None = None) -> list[Array]:
    """The result of each operator on its chip, with one build for all."""
    programs = {
        f"case_{n}": program_of(operator, chip, arrays[len(operator.inputs) :])
        for n, (operator, chip, arrays) in enumerate(cases)
    }
    module = build_regions(programs, host_target(target))
    results = []
    for symbol, (operator, _, arrays) in zip(programs, cases, strict=True):
        tensors = [tvm.runtime.tensor(a) for a in arrays[: len(operator.inputs)]]
        output = tvm.runtime.tensor(np.zeros(operator.output.shape, operator.output.dtype))
        module[symbol](*tensors, output)
        results.append(output.numpy())
    return results


def program_of(operator: Operator, chip: Chip, constants: Sequence[Array]) -> Program:
    """The program of one step."""
    inputs = tuple(f"x{n}" for n in range(len(operator.inputs)))
    values = dict(zip(inputs, operator.inputs, strict=True)) | {"y": operator.output}
    step = Step(operator, inputs, ("y",), tuple(constants))
    return Program(chip, values, inputs, ("y",), (step,))
