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

from .ir import array_of, dtype_of, is_constant, op_name, shape_of

CALL = "relax.call_pure_packed"
PREFIX = "espdl.layer"
FORWARD, REVERSE, BIDIRECTIONAL = "forward", "reverse", "bidirectional"
# The functions of gates, where a node names none: of an lstm, of its gates, the new value, cells.
USUAL = {"gru": "sigmoid,tanh", "lstm": "sigmoid,tanh,tanh", "rnn": "tanh"}


@dataclass(frozen=True)
class Layer:
    """What a call computes; its arguments are x, w, r, b, h and, of an lstm, c, as in ONNX.

    Behind them come the lengths of the sequences and the peepholes, where there are any.

    Attributes
    ----------
    kind : str
        `gru`, `lstm` or `rnn`.
    gives : str
        `all` hidden states, the `last` ones, or the last `cells`.
    direction : str
        `forward`, `reverse` or `bidirectional`.
    batch_first : bool
        Whether the batch comes before the steps (ONNX's layout 1).
    reset_after : bool
        Whether a gru resets behind the product (ONNX's linear_before_reset 1).
    activations : str
        Other functions of the gates than sigmoid and tanh, as `activations_text` writes them; ""
        for the usual ones.
    clip : float
        Limit of what the functions are applied to; 0 for none.
    is_coupled : bool
        Whether an lstm's forget gate is one minus its input gate (ONNX's input_forget 1).
    has_lengths, has_peepholes : bool
        Whether these arguments are there.
    """

    kind: str
    gives: str
    direction: str = FORWARD
    batch_first: bool = False
    reset_after: bool = True
    activations: str = ""
    clip: float = 0.0
    is_coupled: bool = False
    has_lengths: bool = False
    has_peepholes: bool = False

    @property
    def unusual(self) -> str:
        """What no chip has of it, in words; "" for a layer of sigmoid and tanh only."""
        found = {
            f"gates of {self.activations.replace(';', ' and ')}": bool(self.activations),
            f"values clipped at {self.clip:g}": bool(self.clip),
            "coupled gates": self.is_coupled,
            "sequences of several lengths": self.has_lengths,
            "peepholes": self.has_peepholes,
        }
        return ", ".join(words for words, is_so in found.items() if is_so)

    def functions(self, direction: int) -> list[tuple[str, float, float]]:
        """Names, alphas and betas of the gates' functions, in ONNX's order, of a direction."""
        texts = (self.activations or USUAL[self.kind]).split(";")
        functions = []
        for text in texts[direction % len(texts)].split(","):
            name, *numbers = text.split()
            alpha, beta = (*map(float, numbers), 0.0, 0.0)[:2]
            functions.append((name, alpha, beta))
        return functions

    def call(self, arguments: list[Any]) -> Any:
        """The opaque call, with the result's shape."""
        x, r = shape_of(arguments[0]), shape_of(arguments[2])
        batch, steps = x[:2] if self.batch_first else (x[1], x[0])
        directions, _, hidden = r
        shape: tuple[int, ...] = (batch, directions) if self.batch_first else (directions, batch)
        if self.gives == "all":
            shape = (batch, steps, directions) if self.batch_first else (steps, directions, batch)
        text = ":".join([PREFIX, *map(str, dataclasses.astuple(self))])
        result = relax.TensorType((*shape, hidden), dtype_of(arguments[0]))
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
    types = [type(getattr(_DEFAULTS, field.name)) for field in dataclasses.fields(Layer)]
    read = {bool: "True".__eq__}
    return Layer(*(read.get(t, t)(text) for t, text in zip(types, fields, strict=True)))


_DEFAULTS = Layer("", "")


def arguments_of(call: Any) -> list[Any]:
    """The arguments of an opaque call: x, w, r, b, h, of an lstm c, and those that are optional."""
    return list(call.args)[2:]


def _letters(text: str) -> Any:
    """Text as a constant argument: where TVM makes functions of calls, it stays in the call."""
    return relax.const(np.frombuffer(text.encode("ascii"), np.uint8))
