"""Runs operators and whole programs on the PC with the chip's exact bits, through TIR and LLVM.

Nothing here is imported by `import tvm_espdl`, and nothing here ever computes in NumPy.
"""

from .module import HostModule, build_regions, host_target
from .region import Call, Region
from .run import run_operator, run_operators

__all__ = [
    "Call",
    "HostModule",
    "Region",
    "build_regions",
    "host_target",
    "run_operator",
    "run_operators",
]
