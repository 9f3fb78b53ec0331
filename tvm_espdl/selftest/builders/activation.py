"""Golden cases of tables and PReLU."""

from __future__ import annotations

import numpy as np

from ...ops import Operator
from ...ops.lut import Lut
from ...ops.prelu import Prelu
from ..golden import Case

Built = tuple[Operator, list[str]]


def _lut(case: Case) -> Built:
    step = int(case.entry["attrs"].get("step", 1))
    return Lut(case.tensor("x"), case.output, "", step), ["x", "table"]


def _prelu(case: Case) -> Built:
    steepest = int(np.abs(case.arrays["alpha"].astype(np.int32)).max())
    x, alpha = case.tensor("x"), case.tensor("alpha")
    return Prelu(x, case.output, alpha, steepest), ["x", "alpha"]


BUILDERS = {"lut": _lut, "prelu": _prelu}
