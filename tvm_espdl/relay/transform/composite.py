"""An operator in the chip's layout, also as a Relax function that carries its record as text.

The form in which a program is a Relax module: written here, read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm import relax
from tvm.ir import BaseFunc

from ...ops import Operator, from_json
from ...ops.base.rounding import Array
from ...program import Turn
from ..ir import array_of, attributes, bindings_of, is_constant, type_of, with_main
from ..patterns import composite_name
from ..patterns.admission import TENSOR

RECORD = "espdl.record"
CHIP = "espdl.chip"
COVERS = "espdl.covers"
ADMITS = "espdl.admits"
TURNS = "espdl.turns"


@dataclass(frozen=True, eq=False)
class Placed:
    """An operator in the chip's layout: a `Step` of the program, before its values have names.

    `tensor` is what the model calls the result; `turns` are those of its `Origin`.
    """

    operator: Operator
    constants: tuple[Array, ...]
    tensor: str
    covers: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    admits: tuple[str, ...] = ()


def composite_of(placed: Placed, chip: str) -> Any:
    """The private function of an operator on a chip, by its name."""
    return _function(placed.operator, placed.constants).with_attrs(
        {
            "Composite": composite_name(placed.operator.name),
            RECORD: placed.operator.to_json(),
            TENSOR: placed.tensor,
            COVERS: list(placed.covers),
            CHIP: chip,
            ADMITS: list(placed.admits),
            TURNS: [list(map(list, turn)) for turn in placed.turns],
            # TVM's own passes over patterns skip functions that have this.
            "Primitive": True,
        }
    )


def placed_of(function: BaseFunc) -> Placed | None:
    """What `composite_of` was given; None for other functions."""
    attrs = attributes(function)
    if RECORD not in attrs:
        return None
    packed = bindings_of(function)[0].value
    return Placed(
        from_json(str(attrs[RECORD])),
        tuple(array_of(a) for a in packed.args[1].fields if is_constant(a)),
        str(attrs[TENSOR]),
        tuple(map(str, attrs[COVERS])),
        tuple(
            (tuple(map(int, shape)), tuple(map(int, axes))) for shape, axes in attrs.get(TURNS, ())
        ),
        admits=tuple(map(str, attrs[ADMITS])),
    )


def _function(operator: Operator, constants: tuple[Array, ...]) -> Any:
    """A private function whose body is one destination-passing call of all operands."""
    parameters = [relax.Var(f"x{at}", type_of(x)) for at, x in enumerate(operator.inputs)]
    operands = [*parameters, *(relax.const(array, str(array.dtype)) for array in constants)]
    builder, name = relax.BlockBuilder(), composite_name(operator.name)

    def result() -> Any:
        return builder.emit(relax.call_dps_packed(name, operands, type_of(operator.output)))

    return with_main(builder, parameters, result, private=True)["main"]
