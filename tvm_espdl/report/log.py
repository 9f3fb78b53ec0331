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

RESULT_IS_ONLY_QUANTIZED = FormRule(
    "result_is_only_quantized",
    (),
    "What an operator computes is quantized at once: the chip does not hold its float result.",
    "one QuantizeLinear that reads the result",
    "let all who read the result read it dequantized, at one exponent",
)

TENSORS_HAVE_ELEMENTS = FormRule(
    "tensors_have_elements",
    (),
    "The tensors of an operator have at least one element.",
    "extents of 1 and more",
    "remove what reads and writes no elements from the model",
)

IS_A_QUANTIZED_FORM = FormRule(
    "is_a_quantized_form",
    (),
    "An operator of docs/operators.md has the bits of ESP-DL's kernel where its inputs are "
    "dequantized and its result is quantized.",
    "the operator between DequantizeLinear and QuantizeLinear",
    "quantize its inputs and its result",
)


HAS_AN_OPERATOR = FormRule(
    "has_an_operator",
    (),
    "Neither ESP-DL nor this package has such an operator: TVM compiles it.",
    "the operators of docs/operators.md",
    "leave it to TVM, or write it with these operators",
)


@dataclass(frozen=True)
class Reason:
    """A rule that keeps a node of the model from being an operator of ESP-DL."""

    #: The model's name of the operator's result.
    tensor: str
    #: What it would have been.
    operator: str
    #: Rule, what was found, what is allowed, what to change.
    refusal: Refusal


@dataclass
class PartitionLog:
    """What the partitioning of one module refused, in the order it was met, and its warnings."""

    #: The reasons by tensor and operator: those that ESP-DL has and this chip cannot run.
    refused: dict[tuple[str, str], list[Reason]] = field(default_factory=dict)
    #: What users should know of operators that were taken, by the model's name of their result.
    warnings: dict[str, str] = field(default_factory=dict)

    def add(self, tensor: str, operator: str, refusals: list[Refusal]) -> None:
        """Write down a refusal; the same one is met more than once while patterns are tried."""
        reasons = [Reason(tensor, operator, refusal) for refusal in refusals]
        self.refused.setdefault((tensor, operator), reasons)
