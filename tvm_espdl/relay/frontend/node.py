"""A node of ONNX, asked by the converters of this folder for its inputs and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tvm import relax

from ..ir import array_of, dtype_of, is_constant


@dataclass(frozen=True)
class Node:
    """Its inputs, as Relax expressions, and its attributes; `x` is the first input."""

    inputs: Sequence[Any]
    attrs: Mapping[str, Any]

    @property
    def x(self) -> Any:
        """The first input."""
        return self.inputs[0]

    def given(self, place: int) -> Any:
        """An input; None where it is missing."""
        return self.inputs[place] if len(self.inputs) > place else None

    def constant(self, place: int) -> Any:
        """The array of a constant input; None where it is missing or computed."""
        given = self.given(place)
        return array_of(given) if given is not None and is_constant(given) else None

    def is_computed(self, place: int) -> bool:
        """Whether an input is there, and no constant."""
        return self.given(place) is not None and self.constant(place) is None

    def text(self, name: str, default: str) -> str:
        """An attribute that is text."""
        return text_of(self.attrs.get(name, default))

    def is_float(self) -> bool:
        """Whether the first input is a tensor of float32."""
        return isinstance(self.x.ty, relax.TensorType) and dtype_of(self.x) == "float32"


def text_of(value: Any) -> str:
    """Text of ONNX, which has it as bytes."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
