"""Computed right factors of matrix products, which ESP-DL's runtime reads packed.

They are in the layout of a 1x1 filter. A file that is read unpacks them, one that is written packs
them; the calls that unpack what the file they came from holds packed need not be written, nor
those that would pack it again.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..ops import Tensor
from ..ops.gather import Gather
from ..ops.matmul import Matmul
from ..ops.reshape import Reshape
from ..program import Program, Step
from .node_view import NodeView
from .step_view import StepView
from .types import Operand, Shape
from .weights import matrix_order


def packed_factors(program: Program) -> tuple[dict[int, str], frozenset[int]]:
    """The packed right factors by their product's step, and the steps that unpack them only."""
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
            assert isinstance(product.operator, Matmul)
            b = product.operator.b
            order = matrix_order(b.shape, program.chip.lanes(b.dtype))
            if gathers or not np.array_equal(step.constants[0].ravel(), order):
                break
            gathers += 1
        chain.append(writers[name])
        name = step.inputs[0]
    return chain if gathers else []


def unpack(node: NodeView, b: Tensor, shape: Shape, lanes: int) -> Operand:
    """The factor in row-major order, gathered out of the chip's layout.

    `b` is as the file states it, `shape` that of its matrices; a block has `lanes` columns.
    """
    order = matrix_order(shape, lanes)
    name = node.name(1)
    if (order == np.arange(order.size)).all():
        return node.reshaped(name, b, shape, "columns")
    flat = dataclasses.replace(b, shape=(order.size,))
    packed, unpacked = node.reshaped(name, b, flat.shape, "packed"), f"{node.output()}_unpacked"
    gather = Gather(flat, flat, Tensor("int64", order.shape), 0)
    node.call(gather, [packed], [order.astype(np.int64)], output=unpacked)
    return node.reshaped(unpacked, flat, shape, "columns")


def pack(step: StepView) -> str:
    """The name of the factor in the chip's layout, and the nodes that bring it there.

    Full blocks of columns with their rows in between come first, then the other columns one by one.
    """
    b: Tensor = step.operator.b
    if step.packed_factor:
        shape = step.draft.values[step.packed_factor].shape or ()
        stored = dataclasses.replace(b, shape=shape)
        return step.reshaped("packed", step.packed_factor, stored, b.shape)
    name, lanes = step.inputs[1], step.chip.lanes(b.dtype)
    order = matrix_order(b.shape, lanes)
    if (order == np.arange(order.size)).all():
        return name
    depth, columns = b.shape[-2:]
    count = b.size // (depth * columns)
    full = columns // lanes * lanes if lanes else 0
    matrices = step.reshaped("matrices", name, b, (count, depth, columns))
    parts, sizes = [], []
    for what, begin, end in (("blocks", 0, full), ("rest", full, columns)):
        if begin < end:
            width = lanes if what == "blocks" else 1
            parts.append(_part(step, what, matrices, (begin, end, width)))
            sizes.append(depth * (end - begin))
    if len(parts) > 1:
        whole = step.between("joined", dataclasses.replace(b, shape=(count, sum(sizes))))
        step.node("Concat", parts, {"axis": 1}, output=whole)
        parts = [whole]
    flat = dataclasses.replace(b, shape=(count, sum(sizes)))
    return step.reshaped("packed", parts[0], flat, b.shape)


def _part(step: StepView, what: str, matrices: str, columns: tuple[int, int, int]) -> str:
    """Columns `begin` to `end` in blocks of `width`, as one row for each matrix."""
    b: Tensor = step.operator.b
    begin, end, width = columns
    depth, count = b.shape[-2], b.size // math.prod(b.shape[-2:])
    taken = dataclasses.replace(b, shape=(count, depth, end - begin))
    name = matrices
    if end - begin < b.shape[-1]:
        name = step.between(what, taken)
        places = {"starts": begin, "ends": end, "axes": 2, "steps": 1}
        inputs = [step.indices(f"{what}.{key}", [at]) for key, at in places.items()]
        step.node("Slice", [matrices, *inputs], output=name)
    split = (count, depth, (end - begin) // width, width)
    name = step.reshaped(f"{what}_split", name, taken, split)
    moved = dataclasses.replace(b, shape=(count, split[2], depth, width))
    placed = step.between(f"{what}_placed", moved)
    step.node("Transpose", [name], {"perm": (0, 2, 1, 3)}, output=placed)
    return step.reshaped(f"{what}_flat", placed, moved, (count, depth * (end - begin)))
