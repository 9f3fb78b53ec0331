"""Recurrent layers: an importer's opaque call between dequantize and quantize becomes one operator.

Their biases may be float constants, which are rounded to the usual exponent of the gates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm.relax.dpl import is_const, is_op, wildcard

from ...chips import Chip
from ...ops import Operator, Refusal, Tensor
from ...ops.base.form_rule import FormRule
from ...ops.base.rounding import Array, round_float, saturate
from ...ops.gru import Gru
from ...ops.lstm import Lstm
from ..layers import BIDIRECTIONAL, CALL, FORWARD, Layer, layer_of
from .dataflow import constant, dequantized, dequantized_constant, quantized
from .match import Match, Pattern

GATE_EXPONENT = -9

BATCH_IS_ONE = FormRule(
    "batch_is_one",
    ("gru", "lstm"),
    "A recurrent layer goes through one sequence: of a larger batch ESP-DL computes the first one.",
    "a batch of 1",
    "export the model with batch 1",
)
DIRECTION_IS_FORWARD = FormRule(
    "direction_is_forward",
    ("gru", "lstm"),
    "A recurrent layer runs forward or in both directions: a reverse one ESP-DL runs forward.",
    "forward or bidirectional",
    "reverse the sequence before and behind a forward layer",
)
GATES_ARE_USUAL = FormRule(
    "gates_are_usual",
    ("gru", "lstm"),
    "A recurrent layer has gates of sigmoid and tanh, and goes through the whole sequence.",
    "sigmoid and tanh, not clipped, coupled or with peepholes; one length",
    "train the layer in that form; as it is, TVM computes it in float",
)
RESET_IS_BEHIND_THE_PRODUCT = FormRule(
    "reset_is_behind_the_product",
    ("gru",),
    "A gru resets the product of weights and hidden state, as PyTorch does.",
    "linear_before_reset 1",
    "train the layer in that form",
)
CELLS_ARE_AT_THE_GATES_EXPONENT = FormRule(
    "cells_are_at_the_gates_exponent",
    ("lstm",),
    "Initial cells of an lstm are int16 at the exponent of its biases.",
    "int16 at 2**-9, as ESP-PPQ has it",
    "quantize them so, or leave them out where they are zero",
)


def patterns() -> list[Pattern]:
    """Layers of gru and of lstm."""
    return [_layer(Gru, ("x", "h")), _layer(Lstm, ("x", "h", "c"))]


def _layer(made: type[Gru | Lstm], inputs: tuple[str, ...]) -> Pattern:
    x, *states = (dequantized() for _ in inputs)
    w, r, (b, roles) = dequantized_constant(), dequantized_constant(), constant("b")
    # Lengths and peepholes may follow.
    call = is_op(CALL)(wildcard(), is_const(), x, w, r, b, *states, varg_default_wildcard=True)
    roles |= {"x": x, "w": w, "r": r, "layer": call, **dict(zip(inputs[1:], states, strict=True))}

    def applies(match: Match) -> bool:
        layer = layer_of(match["layer"])
        return layer is not None and layer.kind == made.name

    def build(match: Match) -> Operator | Refusal:
        layer = layer_of(match["layer"])
        assert layer is not None
        is_float = "b" not in match
        shape = match.floats("b").shape if is_float else ()
        b = Tensor("int16", shape, GATE_EXPONENT) if is_float else match.tensor("b")
        refusal = _refusal(layer, match, b)
        if refusal is not None:
            return refusal
        x, h, w, r = (match.tensor(role) for role in ("x", "h", "w", "r"))
        return made(x, h, w, r, b, match.output, layer.gives)

    options: dict[str, Any] = {"constants": _constants, "applies": applies, "warn": _limited}
    return Pattern(made.name, quantized(call), roles, build, inputs, **options)


def _refusal(layer: Layer, match: Match, b: Tensor) -> Refusal | None:
    if layer.unusual:
        return GATES_ARE_USUAL.refused(layer.unusual)
    batch = match.tensor("x").shape[0 if layer.batch_first else 1]
    if batch != 1:
        return BATCH_IS_ONE.refused(f"a batch of {batch}")
    if layer.direction not in (FORWARD, BIDIRECTIONAL):
        return DIRECTION_IS_FORWARD.refused(layer.direction)
    if not layer.reset_after:
        return RESET_IS_BEHIND_THE_PRODUCT.refused("linear_before_reset 0")
    if "c" in match:
        c = match.tensor("c")
        if (c.dtype, c.exponent) != ("int16", b.exponent):
            return CELLS_ARE_AT_THE_GATES_EXPONENT.refused(f"{c.dtype} at {c.exponent}")
    return None


def _constants(match: Match, chip: Chip) -> tuple[Array, ...]:
    if "b" in match:
        return tuple(match.constant(role) for role in ("w", "r", "b"))
    scaled = match.floats("b") * np.float32(2.0**-GATE_EXPONENT)
    return match.constant("w"), match.constant("r"), saturate(round_float(scaled, chip), "int16")


def _limited(match: Match, chip: Chip) -> str:
    """A warning where values of a float bias do not fit 16 bits, else ""."""
    if "b" in match:
        return ""
    most = float(np.abs(match.floats("b")).max())
    if most < 2.0 ** (15 + GATE_EXPONENT):
        return ""
    return f"its float biases, up to {most:g}, are limited to the 16 bits of its gates"
