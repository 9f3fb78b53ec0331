"""What the partitioning of a module refused, and what users should know of what it took."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ops import Refusal
from ..ops.base.form_rule import FormRule

ACTIVATION_HAS_ONE_EXPONENT = FormRule(
    "activation_has_one_exponent",
    (),
    "An activation has one exponent for all of its channels.",
    "one exponent",
    "quantize activations per tensor",
)


IS_A_QUANTIZED_FORM = FormRule(
    "is_a_quantized_form",
    (),
    "A node has the bits of ESP-DL's kernel where it is an operator of docs/operators.md, its "
    "inputs are dequantized and its result is quantized.",
    "one of these operators between DequantizeLinear and QuantizeLinear",
    "quantize the inputs and the result, or use one of these operators",
)


@dataclass(frozen=True)
class Refused:
    """An operator that ESP-DL has and this chip cannot run.

    Attributes
    ----------
    tensor : str
        The model's name of the operator's result.
    operator : str
        Name of the operator.
    refusals : tuple of Refusal
        Why.
    """

    tensor: str
    operator: str
    refusals: tuple[Refusal, ...]


@dataclass
class PartitionLog:
    """What the partitioning of one module refused, in the order it was met, and its warnings.

    Attributes
    ----------
    refused : dict
        By tensor and operator.
    warnings : dict of str to str
        What users should know of operators that were taken, by the model's name of their result.
    """

    refused: dict[tuple[str, str], Refused] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)

    def add(self, tensor: str, operator: str, refusals: list[Refusal]) -> None:
        """Write down a refusal; the same one is met more than once while patterns are tried."""
        self.refused.setdefault((tensor, operator), Refused(tensor, operator, tuple(refusals)))
