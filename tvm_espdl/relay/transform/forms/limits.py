"""Limits behind a product or a sum: a clip becomes a ReLU, an operator of its own, or nothing.

Rounding never changes the order of numbers, so that limiting before it and limiting its result to
the rounded limits give the same integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relax

from ....chips import Chip
from ....ops.base.rounding import power_of_two, round_float, saturate
from ... import qdq
from ...ir import Rebuilder, main_of, name_of, named, op_name
from .graph import Graph, emit_dequantized, emit_quantized, rewritten, same_quantization

CLIP = "relax.clip"


def spell_limits(mod: tvm.IRModule, chip: Chip) -> tvm.IRModule:
    """Rewrite `quantize(clip(v))` where v is a product or a sum, or one that was quantized."""
    graph = Graph(main_of(mod))

    def rewrite(rebuilder: Rebuilder, variable: Any, value: Any) -> Any:
        clip = graph.call(value.args[0], CLIP) if op_name(value) == qdq.QUANTIZE else None
        if clip is None or not isinstance(qdq.exponent_of(value), int):
            return None
        low, high = (_quantized(limit, value, chip) for limit in clip.args[1:3])
        limits = np.iinfo(qdq.quantized_dtype(value))
        only_relu = low == 0 and high == limits.max
        if not graph.is_rounded_once(clip.args[0]):
            if not (only_relu and _was_quantized(graph, clip.args[0], value)):
                return None
            relu = _relu(rebuilder, clip)
            return emit_quantized(rebuilder, relu, value, name_of(value))
        source = rebuilder.expr(clip.args[0])
        if only_relu:
            source = _relu(rebuilder, clip)
        elif (low, high) != (limits.min, limits.max):
            inner = emit_quantized(rebuilder, source, value, f"{name_of(value)}_unlimited")
            scale = 2.0 ** int(qdq.exponent_of(value))  # type: ignore[arg-type]
            source = emit_dequantized(rebuilder, inner, value)
            limited = relax.op.clip(source, low * scale, high * scale)
            source = rebuilder.emit(named(limited, name_of(clip)))
        return emit_quantized(rebuilder, source, value, name_of(value))

    return rewritten(mod, rewrite)


def _relu(rebuilder: Rebuilder, clip: Any) -> Any:
    relu = relax.op.nn.relu(rebuilder.expr(clip.args[0]))
    return rebuilder.emit(named(relu, name_of(clip)))


def _was_quantized(graph: Graph, argument: Any, quantize: Any) -> bool:
    """Whether `argument` is a product or a sum that was quantized like `quantize` before."""
    dequantize = graph.dequantized(argument)
    if dequantize is None or not same_quantization(dequantize, quantize):
        return False
    before = graph.call(dequantize.args[0], qdq.QUANTIZE)
    return before is not None and graph.is_rounded_once(before.args[0])


def _quantized(limit: Any, quantize: Any, chip: Chip) -> int:
    """A limit as the integer that the quantize call makes of it."""
    exponent = int(qdq.exponent_of(quantize))  # type: ignore[arg-type]
    with np.errstate(over="ignore"):
        scaled = np.float32(float(limit.value)) * power_of_two(-exponent)
    return int(saturate(round_float(np.array(scaled), chip), qdq.quantized_dtype(quantize)))
