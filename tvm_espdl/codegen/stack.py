"""How much stack a network's run needs, so that applications can size their tasks.

The figures are upper bounds for code that is compiled with -O2; a test measures what GCC makes for
RISC-V 32 and holds them against it. Printing dumps takes more.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..program.kernels import Kernel

#: Of portable kernels, TVM's functions and the C library's: 1,168 bytes measured, of a product of
#: two tensors; Xtensa's register windows take more than RISC-V's frames.
PORTABLE_BYTES = 2048
#: What of the network's own C is above a chain of calls into ESP-DL (`chips.stack_frames`).
CALLERS = 224
#: A call with Xtensa's register windows takes up to so much more; a chain has up to so many.
WINDOW_BYTES, CALLS = 48, 9
#: Where ESP-DL's kernels are called: three tenths above the deepest chain, for other compilers.
ESP_DL_BYTES = 2560


def stack_bytes(kernels: Iterable[Kernel]) -> int:
    """Stack of a network's run below its caller, by whose kernels it calls."""
    return max(PORTABLE_BYTES, ESP_DL_BYTES if "esp-dl" in kernels else 0)
