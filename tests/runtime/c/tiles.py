"""Items that reach every way through the kernels that sum products: tiles, their ends, limits."""

import numpy as np
from comparison import chip_of

from tvm_espdl.ops import Tensor, operators
from tvm_espdl.selftest.c_engine import Item

BIAS = {"int8": "int32", "int16": "int64"}
CHANNELS = range(1, 41)
WIDTHS = 9
# Products from the bias to the turning point: around the 16 between two looks at a sum.
STEPS = (1, 2, 15, 16, 17, 33)


def _draw(rng, dtype, shape, part):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min * part, limits.max * part + 1, shape).astype(dtype)


def _windows(rng, number):
    """Kernel, pads, strides and dilations that a rule of the chips allows."""
    kernel = ((1, 1), (3, 3), (2, 3), (1, 5))[number % 4]
    pads = tuple(int(rng.integers(0, k)) for k in (*kernel, *kernel))
    return kernel, pads, (1 + number // 3 % 2, 1 + number // 5 % 2), (1, 1 + number // 7 % 2)


def _convolution(rng, name, dtype, channels, number):
    depthwise = name == "depthwise_conv2d"
    kernel, pads, strides, dilations = _windows(rng, number)
    depth = channels if depthwise else 1 + number * 7 % 11
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    size = (span[0] + number % 3, span[1] + number % WIDTHS)
    extent = [
        (size[i] + pads[i] + pads[i + 2] - span[i]) // strides[i] + 1 for i in range(len(size))
    ]
    x = _draw(rng, dtype, (1, *size, depth), 1)
    w = _draw(rng, dtype, (channels, 1 if depthwise else depth, *kernel), 0.4)
    b = rng.integers(-99999, 99999, channels).astype(BIAS[dtype])
    bits = 8 if dtype == "int8" else 16
    operator = operators()[name](
        x=Tensor(dtype, x.shape, 0),
        w=Tensor(dtype, w.shape, -int(rng.integers(bits - 3, bits + 3))),
        b=Tensor(BIAS[dtype], b.shape, 0),
        y=Tensor(dtype, (1, *extent, channels), 0),
        pads=pads,
        strides=strides,
        dilations=dilations,
        activation=("linear", "relu")[number % 2],
    )
    return operator, (x,), (w, b)


def _matmul(rng, dtype, columns, number):
    rows, depth = 1 + number % WIDTHS, 1 + number * 5 % 37
    a, b = _draw(rng, dtype, (2, rows, depth), 1), _draw(rng, dtype, (2, depth, columns), 0.4)
    operator = operators()["matmul"](
        a=Tensor(dtype, a.shape, 0),
        b=Tensor(dtype, b.shape, 0),
        y=Tensor(dtype, (2, rows, columns), 9 if dtype == "int8" else 17),
    )
    return operator, (a, b), ()


def sizes(family, seed):
    """Every number of channels, all widths of a few tiles: blocks and tiles that are not full."""
    items = []
    for dtype in ("int8", "int16"):
        for number in CHANNELS:
            rng = np.random.default_rng([seed, number, len(items)])
            for made in (
                _convolution(rng, "conv2d", dtype, number, number),
                _convolution(rng, "depthwise_conv2d", dtype, number, number),
                _matmul(rng, dtype, number, number),
            ):
                items.append(Item(made[0], chip_of(family), made[2], made[1]))
    return items


def many_spans(family, seed):
    """More kinds of columns than the kernels keep in a list: padding as wide as a wide kernel."""
    items = []
    for number, name in enumerate(("conv2d", "depthwise_conv2d")):
        rng = np.random.default_rng([seed, number])
        x, taps = _draw(rng, "int8", (1, 3, 14, 5), 1), 12
        w = _draw(rng, "int8", (5, 1 if number else 5, 2, taps), 0.4)
        operator = operators()[name](
            x=Tensor("int8", x.shape, 0),
            w=Tensor("int8", w.shape, -8),
            b=None,
            y=Tensor("int8", (1, 3, 14 + taps - 1, 5), 0),
            pads=(1, taps - 1, 0, taps - 1),
        )
        items.append(Item(operator, chip_of(family), (w,), (x,)))
    return items


def shifts(family, seed):
    """Every way from a sum to a result: 32 bits or 64, to the right or to the left."""
    items, chip = [], chip_of(family)
    for shift in (-3, 0, 1, 2, 23, 24, 25, 31, 40):
        if shift < 0 and chip.vector_bytes:
            continue  # the kernels of chips with vectors refuse it
        rng = np.random.default_rng([seed, shift + 3])
        x, w = _draw(rng, "int8", (5, 7), 1), _draw(rng, "int8", (7, 19), 1)
        b = rng.integers(-(1 << 31), 1 << 31, 19).astype(np.int32)
        operator = operators()["gemm"](
            Tensor("int8", x.shape, 0),
            Tensor("int8", w.shape, -shift),
            Tensor("int32", b.shape, 0),
            Tensor("int8", (5, 19), 0),
        )
        items.append(Item(operator, chip, (w, b), (x,)))
    return items


def _reaching(difference, steps, largest):
    """Weights of `steps` values `largest` and of a 1, whose products' sum is the difference."""
    each, left = divmod(abs(difference), largest * steps)
    one_more, rest = divmod(left, largest)
    weights = [each + (i < one_more) for i in range(steps)]
    assert max(weights) <= largest
    return [-weight if difference < 0 else weight for weight in (*weights, rest)]


def _turning(largest, bits, steps, which, upwards, biased=True):
    """Bias and weights of a sum that goes to a limit, or further, and comes back.

    Where the way back is long enough, it ends half a step above or, downwards, one short of it, so
    that the result shows whether the register has clamped by one or more at the turning point.
    """
    half, top = 1 << (bits - 2), (1 << (bits - 1)) - 1
    target = (half - 1, half, half + 1, top - 1, top, top + 1, top + 999)[which % 7]
    bias = max(0, target - steps * largest * largest) if biased else 0
    shift = bits - 8
    end = (bias >> (shift + 1) << (shift + 1)) + (1 << (shift - 1)) + (upwards << shift)
    back = min(max(end - target, -(steps + 3) * largest * largest), 0)
    ways = [target - bias, back]
    if not upwards:
        bias, ways = -1 - bias, [-way for way in ways]
    weights = [w for n, way in enumerate(ways) for w in _reaching(way, steps + 3 * n, largest)]
    return bias, weights


def _values(largest, steps):
    return [largest] * steps + [1] + [largest] * (steps + 3) + [1]


def _bits(chip, dtype, channels, lanes_only=False):
    """Bits of the register of each channel, as far as a bias reaches its limits."""
    lanes = chip.lanes(dtype)
    full = channels if lanes_only and lanes else channels // max(1, lanes) * lanes
    widest = 32 if dtype == "int8" else 47
    return [min(widest, chip.accumulator(dtype, in_lanes=n < full).bits) for n in range(channels)]


def limits(family):
    """Sums at the limits of their registers, of half of them, and just below and above."""
    items, chip = [], chip_of(family)
    for dtype in ("int8", "int16"):
        largest, columns = int(np.iinfo(dtype).max), 2 * chip.lanes(dtype) + 7
        for steps in STEPS:
            for upwards in (True, False):
                x = np.array([_values(largest, steps)], dtype)
                bits = _bits(chip, dtype, columns)
                made = [_turning(largest, b, steps, n, upwards) for n, b in enumerate(bits)]
                w = np.array([weights for _, weights in made], dtype).T
                b = np.array([bias for bias, _ in made], BIAS[dtype])
                for shift in sorted({bit - 8 for bit in bits}):
                    operator = operators()["gemm"](
                        Tensor(dtype, x.shape, 0),
                        Tensor(dtype, w.shape, -shift),
                        Tensor(str(b.dtype), b.shape, 0),
                        Tensor(dtype, (1, columns), 0),
                    )
                    items.append(Item(operator, chip, (w, b), (x,)))
    return items


def limits_of_windows(family):
    """The same in windows of several rows, and without a bias in a product of matrices."""
    items, chip, steps, side = [], chip_of(family), 17, 7
    for upwards in (True, False):
        values = np.zeros(side * side, np.int8)
        values[: 2 * steps + 5] = _values(127, steps)
        for name, channels in (("conv2d", 20), ("depthwise_conv2d", 21)):
            depthwise = name == "depthwise_conv2d"
            w = np.zeros((channels, 1, side * side), np.int8)
            b = np.zeros(channels, np.int32)
            bits = _bits(chip, "int8", channels, lanes_only=depthwise)
            for n, bit in enumerate(bits):
                b[n], w[n, 0, : 2 * steps + 5] = _turning(127, bit, steps, n, upwards)
            x = values.reshape(1, side, side, 1).repeat(channels if depthwise else 1, axis=3)
            w = w.reshape(channels, 1, side, side)
            operator = operators()[name](
                x=Tensor("int8", x.shape, 0),
                w=Tensor("int8", w.shape, 8 - bits[0]),
                b=Tensor("int32", b.shape, 0),
                y=Tensor("int8", (1, 1, 1, channels), 0),
            )
            items.append(Item(operator, chip, (w, b), (x,)))
        a = np.array([[_values(127, 40)]] * 3, np.int8).reshape(1, 3, -1)
        made = [_turning(127, 20, 40, n, upwards, biased=False)[1] for n in range(21)]
        factor = np.array([made], np.int8).transpose(0, 2, 1)
        operator = operators()["matmul"](
            a=Tensor("int8", a.shape, 0),
            b=Tensor("int8", factor.shape, 0),
            y=Tensor("int8", (1, 3, 21), 12),
        )
        items.append(Item(operator, chip, (), (a, factor)))
    return items


def tiles(family, seed):
    """All of them, and how to repeat each."""
    items = [
        *sizes(family, seed),
        *many_spans(family, seed),
        *shifts(family, seed),
        *limits(family),
        *limits_of_windows(family),
    ]
    return items, [f"tile {i} of seed {seed} on {family}" for i in range(len(items))]
