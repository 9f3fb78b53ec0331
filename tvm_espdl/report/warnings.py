"""What a network's owner should know although everything runs: the warnings of the report.

It reads a program, the partition log and values of a run; it decides nothing and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..ops import Operator
from ..ops.base.accumulate import overflows
from ..ops.base.rounding import Array
from ..ops.dequantize import Dequantize
from ..ops.quantize import Quantize
from ..ops.requantize import Requantize
from ..ops.transpose import Transpose
from ..program import Program, Step
from .log import PartitionLog

SATURATED = 0.01  # the share of values at the limits that is worth a warning


def warnings_of(
    program: Program, log: PartitionLog, values: Mapping[str, Array]
) -> tuple[str, ...]:
    """All warnings.

    These are sums that can leave their register on the chip, biases that it cannot hold, values
    seen at their limits, and requantizes and transposes inside the network that no node asked for.

    Parameters
    ----------
    values : mapping of str to numpy.ndarray
        Every tensor of one or more runs, stacked; empty where there was none.
    """
    return (
        *_overflow(program),
        *(f"{tensor}: {text}" for tensor, text in log.warnings.items()),
        *_saturation(program, values),
        *_requantizes(program),
        *_transposes(program),
    )


def _overflow(program: Program) -> list[str]:
    """One sentence of all layers whose sums can leave the register that the chip keeps them in."""
    found = [
        (step.outputs[0], overflow)
        for step in program.steps
        if isinstance(step.operator, Operator)
        for overflow in overflows(program.chip, step.operator, step.constants)
    ]
    if not found:
        return []
    found.sort(key=lambda pair: pair[1].largest / pair[1].register.highest, reverse=True)
    name, worst = found[0]
    others = f", and in {len(found) - 1} more layers" if len(found) > 1 else ""
    return [
        f"in the worst case the sums of {worst.over} of {worst.channels} channels of {name} leave "
        f"the {worst.register.bits}-bit accumulator of the {program.chip.name} (up to "
        f"{worst.largest}, limit {worst.register.highest}){others}; real inputs seldom come near, "
        "and the PC follows the chip, so that whatever accuracy is measured counts it"
    ]


def _saturation(program: Program, values: Mapping[str, Array]) -> list[str]:
    texts = []
    for step in program.steps:
        name = step.outputs[0]
        array = values.get(name)
        if array is None or not np.issubdtype(array.dtype, np.integer):
            continue
        limits = np.iinfo(array.dtype)
        share = float(np.mean((array == limits.max) | (array == limits.min)))
        if share > SATURATED:
            texts.append(
                f"{name}: {share:.1%} of the values are at the limits of {array.dtype}; "
                "a larger exponent would keep them apart"
            )
    return texts


def _readers(program: Program, name: str) -> Sequence[Step]:
    return [step for step in program.steps if name in step.inputs]


def _named(steps: Sequence[Step]) -> str:
    return " and ".join(f"{step.outputs[0]} ({step.operator.name})" for step in steps)


def _requantizes(program: Program) -> list[str]:
    made_by = {step.outputs[0]: step for step in program.steps}
    texts = []
    for step in program.steps:
        if not isinstance(step.operator, Requantize) or step.covers:
            continue
        source = made_by.get(step.inputs[0])
        cause = f"because {_named(_readers(program, step.outputs[0]))} needs equal exponents"
        if source is not None and source.outputs[0].startswith(f"{step.outputs[0]}_before"):
            cause = f"because {source.operator.name} leaves its result at its input's exponent"
        texts.append(
            f"{step.outputs[0]}: an extra requantize from exponent {step.operator.x.exponent} to "
            f"{step.operator.y.exponent}, {cause}; the same scale for all of them in the "
            "quantizer would save it"
        )
    return texts


def _transposes(program: Program) -> list[str]:
    """Those between two operators; at the edges they only bring data into the chip's layout."""
    made_by = {step.outputs[0]: step for step in program.steps}
    texts = []
    for step in program.steps:
        source, readers = made_by.get(step.inputs[0]), _readers(program, step.outputs[0])
        inner = [r for r in readers if not isinstance(r.operator, Dequantize)]
        at_the_edge = source is None or isinstance(source.operator, Quantize) or not inner
        if not isinstance(step.operator, Transpose) or step.covers or at_the_edge:
            continue
        layout = "as the model has it" if _to_first(step.operator) else "with channels last"
        others = [reader for reader in _readers(program, step.inputs[0]) if reader is not step]
        also = f", and {_named(others)} the other way: the model asks for both" if others else ""
        texts.append(
            f"{step.outputs[0]}: a transpose inside the network, for {_named(inner)} reads "
            f"{step.inputs[0]} {layout}{also}"
        )
    return texts


def _to_first(transpose: Transpose) -> bool:
    rank = len(transpose.axes)
    return transpose.axes == (0, rank - 1, *range(1, rank - 1))
