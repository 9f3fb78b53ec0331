"""Family of the functions that ESP-DL evaluates in float32 for each element. No operator itself.

The chip's `expf` and `logf` are newlib's, whose last bit no PC can promise to repeat. So that
NumPy, host library and C agree with each other, all of them evaluate these functions in double
precision and round once to float32, which is the correctly rounded value but for one case in
hundreds of millions; the chip can be one step away.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...chips import Chip
from .builder import Builder, Expression
from .ccall import FieldValue
from .rounding import Array, power_of_two, round_float, saturate
from .shifted_scales import ShiftedScales
from .unary import Elementwise, OneType


class FloatFunction(ShiftedScales, OneType, Elementwise):
    """`y = saturate(round(f(x * 2**xe) * 2**-oe))`.

    Attributes
    ----------
    function : str
        What is computed, as reports and tables call it, where it is no operator of that name.
    tabulated : bool
        Whether it is a table for int8; False where the formula costs no more.
    c : str
        f of `float real`, as a `float`, `d->alpha` and `d->beta` being the fields of that name.
    """

    family: ClassVar[str] = "declared"
    header: ClassVar[str] = "function"
    function: ClassVar[str] = ""
    tabulated: ClassVar[bool] = True
    descriptor = "espdl_function_t"
    in_place = (0,)

    def formula(self, real: Array) -> Array:
        """The function as the chip evaluates it: float32 in, float32 out.

        Unless an operator says otherwise, in double precision and rounded once.
        """
        return self.exact(real.astype(np.float64)).astype(np.float32)

    def host(self, real: Expression, op: Builder) -> Expression:
        """The same in TIR."""
        raise NotImplementedError

    def exact(self, real: Array) -> Array:
        """The mathematical function in float64, from which int8 tables are made."""
        raise NotImplementedError

    @property
    def has_table(self) -> bool:
        """Whether a table takes its place: for int8, and always where there is no kernel."""
        return self.name == "" or (self.tabulated and self.x.dtype == "int8")

    def reference(self, chip: Chip, *arrays: Array) -> Array:
        """Source: ESP-DL `dl/module/include/dl_module_<name>.hpp` and `dl/math`."""
        real = arrays[0].astype(np.float32) * power_of_two(self.x.uniform_exponent)
        with np.errstate(all="ignore"):
            scaled = self.formula(real) * power_of_two(-self.y.uniform_exponent)
        return saturate(round_float(scaled, chip), self.y.dtype)

    def fields(self, chip: Chip) -> dict[str, FieldValue]:
        """Size, scales, the function's parameters, and the chip's rounding."""
        return {
            "size": self.y.size,
            "input_scale": float(power_of_two(self.x.uniform_exponent)),
            "output_scale": float(power_of_two(-self.y.uniform_exponent)),
            "alpha": float(getattr(self, "alpha", 0.0)),
            "beta": float(getattr(self, "beta", 0.0)),
            "half_even": int(chip.rounding == "half_even"),
        }


def exponential(real: Array) -> Array:
    """`expf`: evaluated in double precision, rounded once to float32."""
    with np.errstate(over="ignore"):
        return np.exp(real.astype(np.float64)).astype(np.float32)


def logistic(real: Array) -> Array:
    """ESP-DL's sigmoid: `float(1.0 / (1.0 + expf(-x)))`, the division in double precision.

    Source: ESP-DL `dl/math/include/dl_math.hpp`.
    """
    return (1.0 / (1.0 + exponential(-real).astype(np.float64))).astype(np.float32)
