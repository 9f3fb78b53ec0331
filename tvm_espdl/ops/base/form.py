"""What an ordinary operator declares about itself; every layer derives its own part from it.

Patterns, the quantizer's rules, reader and writer of `.espdl`, kernels, documentation and generic
tests ask for nothing else. A layer that has more to say about an operator keeps a file for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Exponents = Literal["own", "share", "align", "product", "compare", "clip"]


@dataclass(frozen=True)
class Form:
    """How an operator is written wherever it is written.

    Attributes
    ----------
    onnx : str
        Type of the ONNX node.
    relax : str or tuple of str
        Name of the Relax call without `relax.`, or of calls around each other, the innermost
        first; empty where no plain call is the operator.
    exponents : str
        How the quantizer relates the exponents of inputs and output: a kind of `quantize.rule`.
    espdl : str or None
        Type of the node in an `.espdl` file; None where ESP-DL registers none, so that only the
        C of a generated project runs the operator.
    attributes : tuple of str
        Fields of the record that are attributes of that name in ONNX, Relax and `.espdl`.
    fixed : tuple of (str, int)
        Attributes that always have one value.
    takes_relu : bool
        Whether the quantizer leaves a ReLU behind it to the same kernel.
    base_only : bool
        Whether ESP-DL has the arithmetic in `dl/base`, and only registers no node for it.
    """

    onnx: str
    relax: str | tuple[str, ...]
    exponents: Exponents
    espdl: str | None
    attributes: tuple[str, ...] = ()
    fixed: tuple[tuple[str, int], ...] = ()
    takes_relu: bool = False
    base_only: bool = False

    @property
    def calls(self) -> tuple[str, ...]:
        """The Relax calls, the innermost first."""
        return (self.relax,) if isinstance(self.relax, str) else self.relax
