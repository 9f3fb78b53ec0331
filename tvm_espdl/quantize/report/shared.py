"""What tensors lose because they have the exponent of others, and what mends it.

Must never change an exponent; what costs nothing where it is read is not mentioned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..assignment import SOFTMAXES, Assigner
from ..exponents import smallest_exponent
from ..methods import DEPTH
from ..methods.mse import mse
from ..plan import Plan
from ..precision import INT8_ONLY, name_of
from ..settled_exponents import Assignment

#: Noise over signal in the result that is worth a warning: 25 dB; and the ratio to that of an
#: exponent of its own.
LEAST_NOISE, LEAST_RATIO = 10**-2.5, 8.0

#: Operands that are named, the worst first.
SHOWN = 3


def sharing_losses(assigner: Assigner, assignment: Assignment) -> Iterator[str]:
    """A sentence for each operand that would be much better at an exponent of its own."""
    plan, found = assigner.plan, []
    for index, rule in plan.rules.items():
        operands = list(plan.operands(index))
        if rule.kind != "align" or len(operands) < 2:
            continue
        for place, name in operands:
            lost = _loss(assigner, assignment, index, place)
            if lost is not None:
                others = [other for _, other in operands if other != name]
                found.append((lost[0], name, _sentence(plan, index, name, others, lost)))
    found.sort(key=lambda entry: (-entry[0], entry[1]))
    yield from (sentence for _, _, sentence in found[:SHOWN])


#: Noise in the result, then exponent and noise over signal: as it is, and on its own.
_Loss = tuple[float, int, float, int, float]


def _loss(assigner: Assigner, assignment: Assignment, index: int, place: int) -> _Loss | None:
    plan = assigner.plan
    seen = assigner.operand_range(index, place)
    bits = plan.bits(index)
    shared = assignment.tensors[plan.kernel_output(index)]
    whole = smallest_exponent(seen.low, seen.high, bits, assigner.chip.rounding)
    candidates = np.arange(whole, whole - DEPTH, -1)
    costs = mse(seen, candidates, bits)
    noise, own = float(mse(seen, np.array([shared]), bits)[0]), float(costs.min())
    reached = noise * min(assigner.weight(index, place), 1.0)
    if reached < LEAST_NOISE or noise < LEAST_RATIO * own:
        return None
    return reached, shared, noise, int(candidates[np.argmin(costs)]), own


def _sentence(plan: Plan, index: int, name: str, others: list[str], loss: _Loss) -> str:
    _, shared, noise, alone, own = loss
    node = plan.graph.nodes[index]
    text = (
        f"{name}: {_decibels(noise)} at exponent {shared}, which it shares with "
        f"{', '.join(others) or 'itself'} in {node.op_type} {name_of(plan, index)}; at {alone} it "
        f"would have {_decibels(own)}"
    )
    if plan.bits(index) == 8 and node.op_type not in INT8_ONLY:
        # What reads the parts of a Concat has them at one exponent, whatever its width.
        readers = plan.graph.consumers(node.output[0]) if node.op_type == "Concat" else ()
        layers = [index, *(reader for reader in readers if reader in plan.rules)]
        text += "; try" + "".join(f" --int16 {name_of(plan, layer)}" for layer in layers)
    return text


def _decibels(noise: float) -> str:
    return "no noise" if noise <= 0 else f"{-10 * math.log10(noise):.0f} dB"


def special_softmaxes(plan: Plan) -> Iterator[str]:
    """What is out of the ordinary about Softmaxes: masks, and int16 that nobody asked for."""
    masked = [name_of(plan, index) for index in sorted(plan.masked)]
    if masked:
        yield (
            f"masks before {', '.join(masked)} may saturate: what a Softmax makes 0 anyhow has no "
            "say about exponents"
        )
    wide = [
        name_of(plan, index)
        for index in sorted(plan.only_wide)
        if plan.graph.nodes[index].op_type in SOFTMAXES
    ]
    if wide:
        yield (
            f"{', '.join(wide)} and what makes the input compute in int16: in int8 exponentials of "
            "logits so large would overflow"
        )
