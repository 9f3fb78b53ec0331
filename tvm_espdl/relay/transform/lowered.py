"""The form of an operator in the chip's layout: a private function with the record as attribute.

It writes and reads that form; which layout a tensor gets is decided in `layout`.
"""

from __future__ import annotations

from typing import Any

from tvm import relax

from ...ops import Operator
from ...ops.base.rounding import Array
from ...program import Turn
from ..ir import attributes
from ..patterns import composite_name
from ..patterns.admission import TENSOR
from .partition import CHIP, COVERS, RECORD

LAYOUT = "espdl.layout"
ADMITS = "espdl.admits"
TURNS = "espdl.turns"  # `Origin.turns` of the result; absent where it has the model's order
NHWC = "NHWC"


def lowered_composite(
    operator: Operator,
    constants: tuple[Array, ...],
    chip: str,
    tensor: str,
    *,
    covers: tuple[str, ...],
    admits: tuple[str, ...] = (),
    turns: tuple[Turn, ...] = (),
) -> Any:
    """The private function of an operator in the chip's layout, with its record.

    Parameters
    ----------
    chip : str
        Name of the chip.
    tensor : str
        What the model calls the result.
    covers : tuple of str
        The tensors of the model that it computes.
    admits : tuple of str
        Names of rules that the operator breaks, and is to run all the same.
    turns : tuple of Turn
        What brings the elements of the result into the model's order.
    """
    ordered = {TURNS: [list(map(list, turn)) for turn in turns]} if turns else {}
    return _composite(operator, constants).with_attrs(
        {
            **ordered,
            "Composite": composite_name(operator.name),
            RECORD: operator.to_json(),
            TENSOR: tensor,
            COVERS: list(covers),
            CHIP: chip,
            LAYOUT: NHWC,
            ADMITS: list(admits),
            # TVM's own passes over patterns skip functions that have this.
            "Primitive": True,
        }
    )


def turns_of(function: Any) -> tuple[Turn, ...]:
    """What brings the result of a lowered composite into the model's order of elements."""
    return tuple(
        (tuple(map(int, shape)), tuple(map(int, axes)))
        for shape, axes in attributes(function).get(TURNS, ())
    )


def _composite(operator: Operator, constants: tuple[Array, ...]) -> Any:
    """A private function whose body is one destination-passing call of all operands."""
    parameters = [
        relax.Var(f"x{index}", relax.TensorType(tensor.shape, tensor.dtype))
        for index, tensor in enumerate(operator.inputs)
    ]
    operands = [*parameters, *(relax.const(array, str(array.dtype)) for array in constants)]
    result_type = relax.TensorType(operator.output.shape, operator.output.dtype)
    builder = relax.BlockBuilder()
    with builder.function("main", parameters, private=True):
        with builder.dataflow():
            packed = relax.call_dps_packed(composite_name(operator.name), operands, result_type)
            output = builder.emit_output(builder.emit(packed))
        builder.emit_func_output(output)
    return builder.get()["main"]
