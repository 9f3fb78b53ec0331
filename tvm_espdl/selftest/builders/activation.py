"""Golden cases of activation functions: formulas, tables, PReLU."""

from __future__ import annotations

import numpy as np

from ...ops import Operator
from ...ops.hard_sigmoid import HardSigmoid
from ...ops.hard_swish import HardSwish
from ...ops.leaky_relu import LeakyRelu
from ...ops.lut import Lut
from ...ops.prelu import Prelu
from ...ops.sigmoid import Sigmoid
from ...ops.swish import Swish
from ...ops.tanh import Tanh
from ..golden import Case
from .elementwise import unary

Built = tuple[Operator, list[str]]


def _hard_sigmoid(case: Case) -> Built:
    attrs = case.entry["attrs"]
    return HardSigmoid(case.tensor("x"), case.output, attrs["alpha"], attrs["beta"]), ["x"]


def _leaky_relu(case: Case) -> Built:
    return LeakyRelu(case.tensor("x"), case.output, case.entry["attrs"]["alpha"]), ["x"]


def _lut(case: Case) -> Built:
    step = int(case.entry["attrs"].get("step", 1))
    return Lut(case.tensor("x"), case.output, "", step), ["x", "table"]


def _prelu(case: Case) -> Built:
    steepest = int(np.abs(case.arrays["alpha"].astype(np.int32)).max())
    x, alpha = case.tensor("x"), case.tensor("alpha")
    return Prelu(x, case.output, alpha, steepest), ["x", "alpha"]


BUILDERS = {
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": unary(HardSwish),
    "leaky_relu": _leaky_relu,
    "lut": _lut,
    "prelu": _prelu,
    "sigmoid": unary(Sigmoid),
    "swish": unary(Swish),
    "tanh": unary(Tanh),
}
