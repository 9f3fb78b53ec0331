"""Why parts of a network are no operators of ESP-DL: the reasons of the report.

It reads a program and the partition log; it decides nothing and runs nothing.
"""

from __future__ import annotations

from ..ops.quantize import Quantize
from ..program import Native, Program, Step
from .log import IS_A_QUANTIZED_FORM, PartitionLog, Reason


def reasons_of(program: Program, log: PartitionLog) -> tuple[Reason, ...]:
    """Every rule that patterns refused by; and the general one for TVM's other functions."""
    reasons = [reason for refused in log.refused.values() for reason in refused]
    return (*reasons, *_unexplained(program, {reason.tensor for reason in reasons}))


def _unexplained(program: Program, explained: set[str]) -> list[Reason]:
    """The general reason for TVM's functions, where no pattern has met them and given its own."""
    reasons = []
    for step in program.steps:
        if isinstance(step.operator, Native) and not _results(program, step) & explained:
            types = [
                " and ".join(dict.fromkeys(tensor.dtype for tensor in tensors)) or "nothing"
                for tensors in (step.operator.inputs, step.operator.outputs)
            ]
            found = f"{step.operator.name} from {types[0]} to {types[1]}"
            refusal = IS_A_QUANTIZED_FORM.refused(found)
            reasons.append(Reason(step.outputs[0], step.operator.name, refusal))
    return reasons


def _results(program: Program, step: Step) -> set[str]:
    """What a function of TVM computes, through further ones up to the next integers."""
    results = {*step.outputs, *step.covers}
    for reader in program.steps:
        if results.intersection(reader.inputs) and isinstance(reader.operator, (Native, Quantize)):
            results |= {*reader.outputs, *reader.covers}
    return results
