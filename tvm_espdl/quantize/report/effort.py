"""How much is measured by default, so that it takes about a minute and not many.

Must never look at a clock: the same network and samples give the same report on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from ...errors import EspdlError
from ..multiply_accumulates import elements, network_multiply_accumulates
from ..plan import Plan

Item = TypeVar("Item")
Measure = bool | Literal["all"]

#: Seconds of an ordinary PC that outputs may take, and layers: compiling comes on top.
OUTPUTS, LAYERS = 20.0, 20.0

#: Seconds for one multiply-accumulate and for one element of a tensor: when the network runs, and
#: when each of its tensors is compared. Rough, on the slow side.
_PRODUCT, _ELEMENT, _LOOKED_AT = 2e-10, 5e-9, 1e-7

#: Samples that a network of others and its new form are compared on at most.
MOST_COMPARED = 1024

#: Samples below which an accuracy says little, and so many layers are looked at on at most.
_LEAST, _MOST_OF_LAYERS = 8, 16


@dataclass(frozen=True)
class Effort:
    """What is measured.

    Attributes
    ----------
    outputs, layers : int
        Samples that the outputs are compared on, and the inner tensors.
    steps : bool
        Whether the networks of each step of recovery are compared, too.
    """

    outputs: int
    layers: int
    steps: bool


def check_measure(measure: object) -> None:
    """Refuse what is no measure.

    Raises EspdlError if it is neither a truth value nor "all".
    """
    if not isinstance(measure, bool) and measure != "all":
        raise EspdlError(
            "unknown extent of measuring",
            where="option measure",
            found=repr(measure),
            allowed="True (about a minute), 'all' (every sample, however long), False",
        )


def effort_of(plan: Plan, samples: int, variants: int, measure: Measure) -> Effort:
    """What to measure of a network of which there are so many samples, and variants to compare."""
    if measure == "all":
        return Effort(samples, min(samples, _MOST_OF_LAYERS), True)
    read = sum(elements(plan, name) for name in plan.tensors())
    run = network_multiply_accumulates(plan) * _PRODUCT + read * _ELEMENT
    steps = variants * min(samples, _LEAST) * run <= OUTPUTS
    outputs = int(OUTPUTS / ((variants if steps else 1) * run)) if run else samples
    layers = int(LAYERS / (read * _LOOKED_AT)) if read else samples
    most = min(samples, _MOST_OF_LAYERS)
    return Effort(min(samples, max(outputs, 1)), min(most, max(layers, 1)), steps)


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """So many of the items, evenly spaced: neighbours in a folder are often alike."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]
