"""What a kernel has to do, as the counts depend on it: shapes and exponents, without any values.

It is made from a step of a program, or by scripts from a line of a table; it counts nothing itself.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from ..ops import Operator
from ..ops.base.convolution import Convolution
from ..ops.base.pool import Pool
from ..ops.concat import Concat
from ..ops.gemm import Gemm
from ..ops.matmul import Matmul
from ..ops.requantize import Requantize

Pair = tuple[int, int]

#: Functions of two values that have loops of their own for a second one of fewer elements.
OF_TWO = ("add", "sub", "mul", "maximum", "minimum")


@dataclass(frozen=True)
class Window:
    """A window that slides over an image.

    Attributes
    ----------
    kernel : (int, int)
        Rows, columns.
    image, result : (int, int)
        Rows, columns.
    positions : int
        Outputs of one channel.
    taps, lines : int
        Taps, and rows of taps, that lie inside the image, over all positions.
    inside : int
        Positions whose window lies inside the image as a whole.
    """

    kernel: Pair
    image: Pair
    result: Pair
    positions: int
    taps: int
    lines: int
    inside: int

    @property
    def share(self) -> float:
        """The part of all taps that lies inside the image: of a filter, what a position reads."""
        return self.taps / (self.positions * self.kernel[0] * self.kernel[1])


def window(
    image: Pair,
    result: Pair,
    kernel: Pair,
    *,
    strides: Pair = (1, 1),
    pads: Pair = (0, 0),
    dilations: Pair = (1, 1),
) -> Window:
    """The window of these extents; `pads` are above and to the left."""
    (rows, whole_rows), (columns, whole_columns) = (
        _taps(image[axis], result[axis], (kernel[axis], strides[axis], pads[axis], dilations[axis]))
        for axis in (0, 1)
    )
    return Window(
        kernel=kernel,
        image=image,
        result=result,
        positions=result[0] * result[1],
        taps=rows * columns,
        lines=rows * result[1],
        inside=whole_rows * whole_columns,
    )


def _taps(size: int, outputs: int, along: tuple[int, int, int, int]) -> Pair:
    """Taps inside along an axis over all outputs, and the outputs that have all of them."""
    kernel, stride, pad, dilation = along
    found = whole = 0
    for output in range(outputs):
        first = output * stride - pad
        below = max(0, min(kernel, -(first // dilation)))
        above = max(0, min(kernel, -((first - size) // dilation)))
        taps = max(0, above - below)
        found += taps
        whole += taps == kernel
    return found, whole


@dataclass(frozen=True)
class Work:
    """One call of a kernel.

    Attributes
    ----------
    kernel : str
        `conv2d`, `depthwise_conv2d`, `gemm`, `matmul`, or the operator's name.
    dtype : str
        Of the first input: `int8`, `int16` or `float32`.
    channels_in, channels_out : int
        Of the last axis; the depth and the columns of a matrix product; of a Concat, elements that
        all pieces are multiples of, and those that lie together in the result.
    elements_in, elements_out : int
        Of the first input and of the result.
    window : Window or None
        For convolutions and pools.
    rows : int
        Rows of a matrix product; else lines of the result along its last axis.
    macs : int
        Multiply-accumulates.
    weight_bytes : int
        Bytes that the kernel reads again for each position: constants, or a second matrix.
    copies : int
        Pieces of memory that a Concat copies.
    loop : str
        Which of a kernel's loops runs, where more than its shapes decide: of a Requantize `left`,
        `right` or `level`, and the type of its results where it is another; of a function of two
        `by one` or `by channels`, where the second has no more.
    """

    kernel: str
    dtype: str
    channels_in: int
    channels_out: int
    elements_in: int
    elements_out: int
    window: Window | None = None
    rows: int = 1
    macs: int = 0
    weight_bytes: int = 0
    copies: int = 0
    loop: str = ""

    def in_slices(self, channels: int) -> tuple[Work, ...]:
        """What a convolution or a product does, so many output channels at a time; 0 for all."""
        if not channels:
            return (self,)
        firsts = range(0, self.channels_out, channels)
        return tuple(self._of_channels(min(channels, self.channels_out - at)) for at in firsts)

    def _of_channels(self, count: int) -> Work:
        """The part of some output channels."""
        whole = self.channels_out
        return dataclasses.replace(
            self,
            channels_out=count,
            elements_out=self.elements_out * count // whole,
            macs=self.macs * count // whole,
            weight_bytes=self.weight_bytes * count // whole,
        )


def work_of(operator: Operator) -> Work:
    """The work of an operator's kernel."""
    first, result = operator.inputs[0], operator.output
    channels_in, channels_out = _last(first.shape), _last(result.shape)
    name, sliding = operator.name, None
    if isinstance(operator, Convolution):
        name = name.replace("1d", "2d")
        sliding = _of_convolution(operator)
    elif isinstance(operator, Pool):
        sliding = _of_pool(operator)
    elif isinstance(operator, (Gemm, Matmul)):
        channels_in = operator.inputs[0].shape[-1]
    copies = 0
    if isinstance(operator, Concat):
        channels_in, channels_out = math.gcd(*operator.blocks), sum(operator.blocks)
        copies = operator.outer * len(operator.blocks)
    weights = sum(tensor.nbytes for tensor in operator.constants)
    if isinstance(operator, Matmul):
        weights = operator.b.nbytes // max(1, math.prod(operator.b.shape[:-2]))
    return Work(
        kernel=name,
        dtype=first.dtype,
        channels_in=channels_in,
        channels_out=channels_out,
        elements_in=first.size,
        elements_out=result.size,
        window=sliding,
        rows=result.size // max(1, channels_out),
        macs=operator.macs,
        weight_bytes=weights,
        copies=copies,
        loop=_loop(operator),
    )


def _loop(operator: Operator) -> str:
    first, result = operator.inputs[0], operator.output
    if isinstance(operator, Requantize):
        return requantize_loop(operator.shift, first.dtype, result.dtype)
    if operator.name in OF_TWO and len(operator.inputs) == 2:
        second = min(tensor.size for tensor in operator.inputs)
        return broadcast_loop(second, result.size, _last(result.shape))
    return ""


def broadcast_loop(second: int, result: int, channels: int) -> str:
    """The loop of a function of two, of which one has so many elements."""
    if second == result:
        return ""
    return {1: "by one", channels: "by channels"}.get(second, "")


def requantize_loop(shift: int, source: str, result: str) -> str:
    """The loop of a Requantize that shifts integers right by so much (left below 0)."""
    way = "left" if shift < 0 else "right" if shift else "level"
    return way if source == result else f"{way} to {result}"


def _last(shape: tuple[int, ...]) -> int:
    return shape[-1] if shape else 1


def _of_convolution(operator: Convolution) -> Window:
    return window(
        operator.size,
        operator.result_size,
        operator.kernel,
        strides=operator.strides,
        pads=operator.pads[:2],
        dilations=operator.dilations,
    )


def _of_pool(operator: Pool) -> Window:
    image, result = operator.image.shape, operator.result.shape
    return window(
        (image[1], image[2]),
        (result[1], result[2]),
        operator.kernel,
        strides=operator.strides,
        pads=operator.pads[:2],
    )
