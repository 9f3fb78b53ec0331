"""Recurrent layers as one opaque call, until it is known whether the chip runs them.

Relax has no operator for them: an importer writes such a call, patterns take it, and what they
leave is spelled out by `transform.spell_layers`. It knows the call's form, and nothing of gates.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import relax
from tvm.ir import Call

from .ir import array_of, is_constant, op_name, shape_of

CALL = "relax.call_pure_packed"
PREFIX = "espdl.layer"
FORWARD, REVERSE, BIDIRECTIONAL = "forward", "reverse", "bidirectional"


@dataclass(frozen=True)
class Layer:
    """What a call computes; its arguments are x, w, r, b, h and, of an lstm, c, as in ONNX.

    Attributes
    ----------
    kind : str
        `gru` or `lstm`.
    gives : str
        `all` hidden states, the `last` ones, or the last `cells`.
    direction : str
        `forward`, `reverse` or `bidirectional`.
    batch_first : bool
        Whether the batch comes before the steps (ONNX's layout 1).
    reset_after : bool
        Whether a gru resets behind the product (ONNX's linear_before_reset 1).
    """

    kind: str
    gives: str
    direction: str = FORWARD
    batch_first: bool = False
    reset_after: bool = True

    def call(self, arguments: list[Any]) -> Any:
        """The opaque call, with the result's shape."""
        x, r = shape_of(arguments[0]), shape_of(arguments[2])
        batch, steps = x[:2] if self.batch_first else (x[1], x[0])
        directions, _, hidden = r
        shape: tuple[int, ...] = (batch, directions) if self.batch_first else (directions, batch)
        if self.gives == "all":
            shape = (batch, steps, directions) if self.batch_first else (steps, directions, batch)
        text = ":".join([PREFIX, *map(str, dataclasses.astuple(self))])
        result = relax.TensorType((*shape, hidden), "float32")
        return relax.call_pure_packed(PREFIX, _letters(text), *arguments, ty_args=result)


def layer_of(expr: Any) -> Layer | None:
    """What an opaque call computes; None for any other expression."""
    if not isinstance(expr, Call) or op_name(expr) != CALL or not is_constant(expr.args[1]):
        return None
    letters = array_of(expr.args[1])
    text = letters.tobytes().decode("ascii", "replace") if letters.dtype == np.uint8 else ""
    prefix, *fields = text.split(":")
    if prefix != PREFIX:
        return None
    kind, gives, direction, *flags = fields
    return Layer(kind, gives, direction, *(flag == "True" for flag in flags))


def arguments_of(call: Any) -> list[Any]:
    """The arguments of an opaque call: x, w, r, b, h and, of an lstm, c."""
    return list(call.args)[2:]


def _letters(text: str) -> Any:
    """Text as a constant argument: where TVM makes functions of calls, it stays in the call."""
    return relax.const(np.frombuffer(text.encode("ascii"), np.uint8))
