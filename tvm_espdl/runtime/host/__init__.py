"""Runs operators and whole programs on the PC with the chip's exact bits, through TIR and LLVM.

Nothing here is imported by `import tvm_espdl`, and nothing here ever computes in NumPy.
"""

from .region import build_region, build_regions, observed
from .run import run_operator, run_operators
from .separate import SeparateKernels

__all__ = [
    "SeparateKernels",
    "build_region",
    "build_regions",
    "observed",
    "run_operator",
    "run_operators",
]
