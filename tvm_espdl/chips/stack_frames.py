"""The stack that ESP-DL's kernels take on each family of chips, as compilers make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Frames:
    """The deepest chain of calls into ESP-DL v3.3.9, in bytes of stack.

    Attributes
    ----------
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


#: By family of chips. ESP-DL's sources (commit 12c0616d) compiled with its own options, -O3
#: -ffast-math, and the glue with -O2, by GCC 12 for RISC-V 32, or for Xtensa without windows;
#: the frames of its assembly as they are written there: `entry sp, 128` of most kernels for the
#: ESP32-S3, `addi sp, sp, -128` of the largest macro for the ESP32-P4.
ESP_DL_FRAMES: Mapping[str, Frames] = {
    "pie_v1": Frames(glue=432, base=112, shell=432, function=48, kernel=128),
    "pie_v2": Frames(glue=416, base=96, shell=384, function=48, kernel=128),
    "c": Frames(glue=384, base=80, shell=384, function=48, kernel=160, heap=256),
}
