"""Matrix products that unpack a factor which the file they came from holds packed.

ESP-DL's runtime reads such factors packed: the calls that unpack them, which the reader of files
has added, need not be written, nor those that would pack them again.
"""

from __future__ import annotations

import math

import numpy as np

from ..ops.gather import Gather
from ..ops.matmul import Matmul
from ..ops.reshape import Reshape
from ..program import Program, Step
from .filters import matrix_order


def packed_factors(program: Program) -> tuple[dict[int, str], frozenset[int]]:
    """The packed right factors, and the steps that unpack them.

    Returns
    -------
    (dict, frozenset)
        For each such product's step its packed factor's value; steps without other readers.
    """
    writers = {step.outputs[0]: number for number, step in enumerate(program.steps)}
    uses = [name for step in program.steps for name in step.inputs] + list(program.outputs)
    factors: dict[int, str] = {}
    unpacking: set[int] = set()
    for number, step in enumerate(program.steps):
        if not isinstance(step.operator, Matmul):
            continue
        chain = _chain(program, writers, step, uses)
        if chain:
            factors[number] = program.steps[chain[-1]].inputs[0]
            unpacking.update(chain)
    return factors, frozenset(unpacking)


def _chain(program: Program, writers: dict[str, int], product: Step, uses: list[str]) -> list[int]:
    """Steps from the product back to the packed factor; none where it is not unpacked so."""
    chain: list[int] = []
    name, gathers = product.inputs[1], 0
    while name in writers and uses.count(name) == 1:
        step = program.steps[writers[name]]
        if step.covers or not isinstance(step.operator, (Gather, Reshape)):
            break
        if isinstance(step.operator, Gather):
            if gathers or not _unpacks(program, step, product):
                break
            gathers += 1
        chain.append(writers[name])
        name = step.inputs[0]
    return chain if gathers else []


def _unpacks(program: Program, step: Step, product: Step) -> bool:
    assert isinstance(product.operator, Matmul)
    b = product.operator.b
    lanes = program.chip.lanes(b.dtype)
    order = matrix_order(b.shape, lanes)
    indices = step.constants[0]
    return indices.size == math.prod(b.shape) and bool(np.array_equal(indices.ravel(), order))
