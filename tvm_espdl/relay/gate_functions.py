"""The functions that ONNX lets the gates of recurrent layers have, in operators of Relax.

Each takes a tensor, alpha and beta. Those which chips compute themselves are sigmoid and tanh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import relax

from .ir import dtype_of

# Defaults of alpha, or of alpha and beta, where a function has them: those of ONNX's operators.
DEFAULTS: dict[str, tuple[float, ...]] = {
    "affine": (1.0, 0.0),
    "elu": (1.0,),
    "hardsigmoid": (0.2, 0.5),
    "leakyrelu": (0.01,),
    "scaledtanh": (1.0, 1.0),
    "thresholdedrelu": (1.0,),
}


def _scaled(v: Any, factor: float, added: float, like: Any = None) -> Any:
    """`v * factor + added`; a call that is not bound yet has no type, `like` has it."""
    dtype = dtype_of(v if like is None else like)
    product = relax.op.multiply(v, relax.const(factor, dtype))
    return relax.op.add(product, relax.const(added, dtype))


def _elu(v: Any, alpha: float, _: float) -> Any:
    zero = relax.const(0.0, dtype_of(v))
    below = _scaled(relax.op.exp(relax.op.minimum(v, zero)), alpha, -alpha, v)
    return relax.op.where(relax.op.greater(v, zero), v, below)


def _hard_sigmoid(v: Any, alpha: float, beta: float) -> Any:
    return relax.op.clip(_scaled(v, alpha, beta), 0.0, 1.0)


def _scaled_tanh(v: Any, alpha: float, beta: float) -> Any:
    inner = relax.op.multiply(v, relax.const(beta, dtype_of(v)))
    return relax.op.multiply(relax.op.tanh(inner), relax.const(alpha, dtype_of(v)))


def _softsign(v: Any, _alpha: float, _beta: float) -> Any:
    return relax.op.divide(v, relax.op.add(relax.op.abs(v), relax.const(1.0, dtype_of(v))))


def _thresholded_relu(v: Any, alpha: float, _: float) -> Any:
    above = relax.op.greater(v, relax.const(alpha, dtype_of(v)))
    return relax.op.where(above, v, relax.const(0.0, dtype_of(v)))


FUNCTIONS: dict[str, Callable[[Any, float, float], Any]] = {
    "affine": _scaled,
    "elu": _elu,
    "hardsigmoid": _hard_sigmoid,
    "leakyrelu": lambda v, alpha, _: relax.op.nn.leakyrelu(v, alpha),
    "relu": lambda v, _alpha, _beta: relax.op.nn.relu(v),
    "scaledtanh": _scaled_tanh,
    "sigmoid": lambda v, _alpha, _beta: relax.op.sigmoid(v),
    "softplus": lambda v, _alpha, _beta: relax.op.nn.softplus(v),
    "softsign": _softsign,
    "tanh": lambda v, _alpha, _beta: relax.op.tanh(v),
    "thresholdedrelu": _thresholded_relu,
}
