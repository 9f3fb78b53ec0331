"""How much stack a network's run needs, so that applications can size their tasks.

The figures are upper bounds for code that is compiled with -O2; a test measures what GCC makes for
RISC-V 32 and holds them against it. Printing dumps takes more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..program.kernels import Kernel

#: Of portable kernels, TVM's functions and the C library's: 1,168 bytes measured, of a product of
#: two tensors; Xtensa's register windows take more than RISC-V's frames.
PORTABLE_BYTES = 2048


@dataclass(frozen=True)
class Frames:
    """The deepest chain of calls into ESP-DL v3.3.9, in bytes of stack.

    Attributes
    ----------
    family : str
        Of the chips.
    glue : int
        Frames of this package's file: ESP-DL's argument block lies there.
    base : int
        `conv2d` and `depthwise_conv2d` of `dl/base`, which choose a kernel.
    shell : int
        `conv_operation_shell` and `dwconv_operation_shell`, which go through the image.
    function : int
        `std::function`, through which they call the kernel.
    kernel : int
        It calls nothing: assembly of `dl/base/isa`, of which the figure is the largest frame, or
        the C++ in its place.
    heap : int
        What is allowed for the C library where ESP-DL allocates.
    """

    family: str
    glue: int
    base: int
    shell: int
    function: int
    kernel: int
    heap: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum((self.glue, self.base, self.shell, self.function, self.kernel, self.heap))


#: One a family of chips. ESP-DL's sources (commit 12c0616d) compiled with its own options, -O3
#: -ffast-math, and the glue with -O2, by GCC 12 for RISC-V 32, or for Xtensa without windows;
#: the frames of its assembly as they are written there: `entry sp, 128` of most kernels for the
#: ESP32-S3, `addi sp, sp, -128` of the largest macro for the ESP32-P4.
ESP_DL_FRAMES = (
    Frames("pie_v1", glue=432, base=112, shell=432, function=48, kernel=128),
    Frames("pie_v2", glue=416, base=96, shell=384, function=48, kernel=128),
    Frames("c", glue=384, base=80, shell=384, function=48, kernel=160, heap=256),
)
#: What of the network's own C is above such a chain.
CALLERS = 224
#: A call with Xtensa's register windows takes up to so much more; a chain has up to so many.
WINDOW_BYTES, CALLS = 48, 9
#: Where ESP-DL's kernels are called: three tenths above the deepest chain, for other compilers.
ESP_DL_BYTES = 2560


def stack_bytes(kernels: Iterable[Kernel]) -> int:
    """Stack of a network's run below its caller, by whose kernels it calls."""
    return max(PORTABLE_BYTES, ESP_DL_BYTES if "esp-dl" in kernels else 0)
