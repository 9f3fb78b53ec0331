"""ONNX Max, Min and Sum of two tensors: TVM's importer makes a stack and a reduction of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tvm import relax


def _of_two(operator: Callable[[Any, Any], Any]) -> Callable[[list[Any], Mapping[str, Any]], Any]:
    """Convert a node with two inputs to one call; leave the others to TVM's importer."""

    def convert(inputs: list[Any], attrs: Mapping[str, Any]) -> Any:
        return operator(inputs[0], inputs[1]) if len(inputs) == 2 else None

    return convert


CONVERTERS = {
    "Max": _of_two(relax.op.maximum),
    "Min": _of_two(relax.op.minimum),
    "Sum": _of_two(relax.op.add),
}
