"""Lines of `benchmarks/latency`: simulated counts of single operators and of published networks.

Each line is one call of ESP-DL, whose instructions were counted one by one and whose loads and
stores went through models of the chip's caches.
"""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass
from pathlib import Path

from tvm_espdl.estimate.work import (
    OF_TWO,
    Pair,
    Window,
    Work,
    broadcast_loop,
    requantize_loop,
    window,
)

FOLDER = Path(__file__).parents[1] / "benchmarks" / "latency"

Shape = tuple[int, ...]

_KERNELS = {
    "Conv": "conv2d",
    "DepthwiseConv": "depthwise_conv2d",
    "Gemm": "gemm",
    "MatMul": "matmul",
    "MaxPool": "max_pool2d",
    "AveragePool": "average_pool2d",
    "GlobalAveragePool": "average_pool2d",
    "Max": "maximum",
    "Min": "minimum",
    "RequantizeLinear": "requantize",
    "QuantizeLinear": "quantize",
    "LUT": "lut",
    "Swish": "lut",
    "Sigmoid": "lut",
    "Gelu": "lut",
    "HardSwish": "lut",
    "HardSigmoid": "lut",
    "PRelu": "prelu",
    "Resize": "resize_nearest",
    "InsertZeros": "insert_zeros",
    "ReduceMean": "reduce_mean",
    "Flatten": "reshape",
    "Squeeze": "reshape",
}
_DTYPES = {"s8": "int8", "s16": "int16", "f32": "float32"}
#: Their sigmoid, swish and others look values of int8 up.
_FUNCTIONS = ("Swish", "Sigmoid", "Gelu", "HardSwish", "HardSigmoid")


@dataclass(frozen=True)
class Row:
    """One call.

    Attributes
    ----------
    model : str
        Of a published network, or `pub0` to `pub5` for published single operators; else empty.
    slice_bytes : int
        Bytes of a filter that were taken at a time; 0 for all.
    source, result : tuple of int
        Shapes of the first input and of the first result.
    work : Work
        What the kernel has to do.
    instructions, calls : int
        Executed instructions, and calls of assembly from C++.
    filter_fill, activation_fill : int
        Bytes that the caches fetched from external memory, with least-recently-used replacement.
    inner_fill : int
        Bytes that the inner cache fetched from the outer one, where there are two.
    elements : int
        Of the larger of input and result, where plain C++ was not counted.
    reads, writes : tuple of (int, int)
        Of published networks, where ESP-DL has inputs and results in its arena: first byte, bytes.
    """

    model: str
    operator: str
    slice_bytes: int
    source: tuple[int, ...]
    result: tuple[int, ...]
    work: Work
    instructions: int
    calls: int
    filter_fill: int
    activation_fill: int
    inner_fill: int
    elements: int
    reads: tuple[Pair, ...] = ()
    writes: tuple[Pair, ...] = ()


def rows(chip: str) -> list[Row]:
    """All lines of a chip."""
    with gzip.open(FOLDER / f"{chip}.csv.gz", "rt", encoding="utf-8") as file:
        return [_row(line) for line in csv.DictReader(file)]


@dataclass(frozen=True)
class Published:
    """A latency that Espressif publishes.

    Attributes
    ----------
    weights : str
        Memory that the weights are read from: `psram` or `flash`.
    """

    model: str
    chip: str
    family: str
    cycles: int
    weights: str


def published(chip: str) -> list[Published]:
    """All published latencies of a chip."""
    with (FOLDER / "published.csv").open(encoding="utf-8") as file:
        found = [
            Published(**{**line, "cycles": int(line["cycles"])}) for line in csv.DictReader(file)
        ]
    return [row for row in found if row.chip == chip]


def _shape(text: str) -> Shape:
    return tuple(int(part) for part in text.split("x") if part)


def _places(text: str) -> tuple[Pair, ...]:
    found = (part.partition("+") for part in text.split())
    return tuple((int(start), int(nbytes)) for start, _, nbytes in found)


def _row(line: dict[str, str]) -> Row:
    numbers = ("instructions", "calls", "filter_fill", "activation_fill", "elements")
    inner = int(line["l1_filter_fill"] or 0) + int(line["l1_activation_fill"] or 0)
    return Row(
        model=line["model"],
        operator=line["op"],
        slice_bytes=int(line["slice"]),
        source=_shape(line["input"]),
        result=_shape(line["output"]),
        work=_work(line),
        inner_fill=inner,
        reads=_places(line["reads"]),
        writes=_places(line["writes"]),
        **{name: int(line[name] or 0) for name in numbers},
    )


def _work(line: dict[str, str]) -> Work:
    source, result, filter_ = _shape(line["input"]), _shape(line["output"]), _shape(line["filter"])
    kernel = _KERNELS.get(line["op"], line["op"].lower())
    weights = int(line["weight_bytes"])
    channels_in, channels_out = source[-1], result[-1] if result else 1
    copies = 0
    if kernel == "concat":
        channels_in, channels_out = _pieces(source, result)
        copies = int(line["calls"])
    rows_, macs, sliding = math.prod(result) // channels_out, 0, None
    if kernel in ("gemm", "matmul"):
        macs = rows_ * channels_in * channels_out
        width = 2 if line["dtype"] == "s16" else 1
        weights = weights or channels_in * channels_out * width
    elif kernel in ("conv2d", "depthwise_conv2d"):
        depth = 1 if kernel == "depthwise_conv2d" else channels_in
        sliding = _window(source, result, filter_[:-2], _shape(line["strides"]))
        macs = math.prod(result) * math.prod(filter_[:-2]) * depth
    elif line["op"] == "GlobalAveragePool" and len(source) == 4:
        sliding = window(source[1:3], (1, 1), source[1:3])
    elif len(filter_) == 2 and kernel.endswith("pool2d"):
        sliding = _window(source, result, filter_, _shape(line["strides"]))
    dtype, loop = "int8" if line["op"] in _FUNCTIONS else _DTYPES[line["dtype"]], ""
    if kernel == "requantize":
        dtype, loop = _requantize(line)
    elif kernel in OF_TWO:
        nbytes = [size for _, size in _places(line["reads"])[1:]] or [weights]
        second = nbytes[0] // (2 if dtype == "int16" else 1)
        loop = broadcast_loop(second or math.prod(result), math.prod(result), channels_out)
    return Work(
        kernel=kernel,
        dtype=dtype,
        channels_in=channels_in,
        channels_out=channels_out,
        elements_in=math.prod(source),
        elements_out=math.prod(result),
        window=sliding,
        rows=rows_,
        macs=macs,
        weight_bytes=weights,
        copies=copies,
        loop=loop,
    )


def _requantize(line: dict[str, str]) -> tuple[str, str]:
    """Type of what a Requantize reads, and its loop.

    Of single operators the tables do not say how far they shift: their counts say, right.
    """
    shift, _, source = line["shift"].partition(" from ")
    result = "int16" if line["dtype"] == "s16" else "int8"
    return source or result, requantize_loop(int(shift or 1), source or result, result)


def _pieces(source: Shape, result: Shape) -> Pair:
    """Elements of the first part, and of all, that lie together in a result; see `Work`."""
    axis = next((i for i in range(len(result)) if source[i] != result[i]), len(result) - 1)
    first, whole = math.prod(source[axis:]), math.prod(result[axis:])
    return math.gcd(first, whole), whole


def _window(source: Shape, result: Shape, kernel: Shape, strides: Shape) -> Window:
    """The pads are not in the tables: as many as the extents tell, the larger half in front."""
    if len(source) == 3:
        source, result = (source[0], 1, *source[1:]), (result[0], 1, *result[1:])
    rows_, columns = (1, *kernel)[-2:]
    down, right = (1, 1, *strides)[-2:]
    pads = (
        _pad(source[1], result[1], rows_, down),
        _pad(source[2], result[2], columns, right),
    )
    image: Pair = (source[1], source[2])
    size: Pair = (result[1], result[2])
    return window(image, size, (rows_, columns), strides=(down, right), pads=pads)


def _pad(size: int, result: int, kernel: int, stride: int) -> int:
    return max(0, -(-((result - 1) * stride + kernel - size) // 2))
