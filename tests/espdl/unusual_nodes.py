"""Nodes of files that no single operator of ESP-DL takes, with what they mean in plain NumPy.

Each case is a function of an element type and a chip. Filters are stored as ESP-PPQ 1.3.12 stores
them (`parser/espdl/export_patterns.py`, ResetParamLayoutPattern), written down here once more.
"""

from dataclasses import dataclass, field

import numpy as np
from small_models import attributes, model, tensor, value

from tvm_espdl.chips import find_chip
from tvm_espdl.espdl import Node

WIDE = {"int8": "int32", "int16": "int64"}


@dataclass
class Case:
    """A node, the arrays that it takes and gives, and their exponents.

    `written` says whether ESP-DL's runtime can run what it becomes.
    """

    op_type: str
    arrays: list
    expected: np.ndarray
    exponents: tuple = (-4, -4)
    constants: dict = field(default_factory=dict)
    places: tuple = ()
    given: dict = field(default_factory=dict)
    written: bool = True

    def parts(self, prefix="it"):
        """Values, constants and the node, under names of their own."""
        names = [f"{prefix}.x{n}" for n in range(len(self.arrays))]
        types = [str(array.dtype) for array in (*self.arrays, self.expected)]
        values = [
            value(name, array.shape, e, dtype)
            for name, array, e, dtype in zip(
                [*names, f"{prefix}.y"],
                [*self.arrays, self.expected],
                self.exponents,
                types,
                strict=True,
            )
        ]
        constants = [
            tensor(f"{prefix}.{name}", array, *exponents)
            for name, (array, *exponents) in self.constants.items()
        ]
        inputs = [place and f"{prefix}.{place}" for place in self.places] or [
            *names,
            *(constant.name for constant in constants),
        ]
        quant = {"quant_type": "S16" if types[0] == "int16" else "S8", **self.given}
        node = Node(self.op_type, tuple(inputs), (f"{prefix}.y",), attributes(**quant), name=prefix)
        return values, constants, node, dict(zip(names, self.arrays, strict=True))


def network_of(cases):
    """One file of all cases beside each other; what it takes, and what it is to give."""
    values, constants, nodes, given, expected = [], [], [], {}, {}
    for name, case in cases.items():
        more, stored, node, arrays = case.parts(name)
        values += more
        constants += stored
        nodes.append(node)
        given.update(arrays)
        expected[f"{name}.y"] = case.expected
    return model(nodes, values, list(given), list(expected), constants), given, expected


def integers(dtype, *shape, bits=None, seed=0):
    limits = np.iinfo(dtype)
    low, high = (limits.min, limits.max) if bits is None else (-(1 << bits), (1 << bits) - 1)
    return np.random.default_rng([seed, *shape]).integers(low, high + 1, shape).astype(dtype)


def fitted(exact, shift, dtype, chip):
    """`exact >> shift` as the chip rounds and saturates."""
    scaled = np.asarray(exact, np.float64) / 2.0**shift
    half_even = find_chip(chip).rounding == "half_even"
    whole = np.rint(scaled) if half_even else np.floor(scaled + 0.5)
    limits = np.iinfo(dtype)
    return np.clip(whole, limits.min, limits.max).astype(dtype)


def stored_filter(w, group, lanes):
    """A filter OIHW (OIW) as the exporter leaves it in a file, under its nominal dimensions."""
    outputs, inputs, *size = w.shape
    last = np.moveaxis(w, 1, -1)  # OHWI
    full = outputs // lanes * lanes if lanes else 0
    blocks = last[:full].reshape(-1, lanes or 1, *last.shape[1:])
    rest = last[full:]
    if group > 1:
        rest = np.moveaxis(np.moveaxis(rest, -1, 0), 1, -1) if lanes else np.moveaxis(rest, 0, -1)
    flat = np.concatenate([np.moveaxis(blocks, 1, -1).ravel(), rest.ravel()])
    return flat.reshape(*size, *((outputs, inputs) if group > 1 else (inputs, outputs)))


def convolved(x, w, bias, group, *, stride=1, pad=(0, 0)):
    """Exact sums of a convolution in groups; channels last, rows and columns."""
    outputs, inputs, rows, columns = w.shape
    padded = np.pad(x.astype(np.int64), ((0, 0), pad, pad, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), (1, 2))
    windows = windows[:, ::stride, ::stride]
    result = np.zeros((*windows.shape[:3], outputs), np.int64)
    for n in range(outputs):
        first = n // (outputs // group) * inputs
        own = windows[..., first : first + inputs, :, :]
        result[..., n] = (own * w[n].astype(np.int64)).sum((-3, -2, -1)) + bias[n]
    return result


def convolution(dtype, chip, *, shape, outputs, kernel, group, seed, shift=4, **given):
    """A convolution with bias and ReLU over images or, of one row, signals."""
    spatial = len(shape) - 2
    x = integers(dtype, *shape, bits=5, seed=seed)
    w = integers(dtype, outputs, shape[-1] // group, *(kernel,) * spatial, bits=3, seed=seed + 1)
    b = integers(WIDE[dtype], outputs, bits=8, seed=seed + 2)
    pads, strides = given.get("pads", (0, 0) * spatial), given.get("strides", (1,) * spatial)
    image = x if spatial == 2 else x[:, None]
    filter_ = w if spatial == 2 else w[:, :, None]
    if spatial == 2:
        pad = (pads[0], pads[2])
        exact = convolved(image, filter_, b, group, stride=strides[0], pad=pad)
    else:
        wide = np.pad(image, ((0, 0), (0, 0), (pads[0], pads[1]), (0, 0)))
        exact = convolved(wide, filter_, b, group)[:, 0, :: strides[0]]
    exponents = (-5,)
    shifts = np.full(outputs, shift)
    if find_chip(chip).per_channel:
        shifts = shift + np.arange(outputs) % 3
        exponents = tuple(int(-5 - s) for s in shifts - shift)
    y = np.maximum(exact, 0)
    lanes = find_chip(chip).lanes(dtype)
    return Case(
        "Conv",
        [x],
        np.stack([fitted(y[..., n], shifts[n], dtype, chip) for n in range(outputs)], -1),
        (-4, -9 + shift),
        {
            "w": (stored_filter(w, group, lanes), *exponents),
            "b": (b, *(e - 4 for e in exponents)),
        },
        given={
            "activation": "Relu",
            "dilations": (1,) * spatial,
            "group": group,
            "pads": pads,
            "strides": strides,
            **given,
        },
    )


def groups(dtype, chip):
    return convolution(
        dtype, chip, shape=(1, 5, 6, 6), outputs=10, kernel=3, group=2, seed=1, pads=(1, 1, 0, 0)
    )


def groups_beside_vectors(dtype, chip):
    shape = (1, 3, 4, 9)
    return convolution(dtype, chip, shape=shape, outputs=57, kernel=2, group=3, seed=2)


def groups_of_a_signal(dtype, chip):
    shape = (2, 9, 8)
    return convolution(
        dtype, chip, shape=shape, outputs=12, kernel=3, group=4, seed=3, pads=(1, 1), strides=(2,)
    )


def several_filters_of_a_channel(dtype, chip):
    shape = (1, 5, 5, 5)
    return convolution(dtype, chip, shape=shape, outputs=15, kernel=3, group=5, seed=4)


def images_at_once(dtype, chip):
    shape = (3, 4, 5, 3)
    return convolution(dtype, chip, shape=shape, outputs=17, kernel=3, group=1, seed=5)


def largest_of_several_images(dtype, chip):
    x = integers(dtype, 18, 4, 4, 2)
    y = x.reshape(18, 2, 2, 2, 2, 2).max((2, 4))
    return Case("MaxPool", [x], y, given={"kernel_shape": (2, 2), "strides": (2, 2)})


def means_of_several_images(dtype, chip):
    x = integers(dtype, 2, 4, 4, 3)
    return Case("GlobalAveragePool", [x], fitted(x.sum((1, 2), keepdims=True), 4, dtype, chip))


def largest_far_outside(dtype, chip):
    """Windows that lie wholly in the padding hold the smallest number, as ONNX has it."""
    x = integers(dtype, 1, 2, 2, 3)
    padded = np.pad(x, ((0, 0), (3, 2), (0, 3), (0, 0)), constant_values=np.iinfo(dtype).min)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2, 2), (1, 2))
    given = {"kernel_shape": (2, 2), "pads": (3, 0, 2, 3), "strides": (1, 1)}
    return Case("MaxPool", [x], windows.max((-2, -1)), given=given)


def means_far_outside_a_signal(dtype, chip):
    x = integers(dtype, 1, 5, 2)
    padded = np.pad(x.astype(np.int64), ((0, 0), (2, 3), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2, 1)
    given = {"kernel_shape": (2,), "pads": (2, 3), "strides": (1,)}
    return Case("AveragePool", [x], fitted(windows.sum(-1), 1, dtype, chip), given=given)


SIX = ((2, 1, 3, 1, 2, 1), (1, 2, 1, 3, 1, 2))


def sum_in_many_dimensions(dtype, chip):
    a, b = (integers(dtype, *shape) for shape in SIX)
    return Case("Add", [a, b], fitted(a.astype(np.int64) + b, 0, dtype, chip), (-4,) * 3)


def product_with_a_constant_in_many_dimensions(dtype, chip):
    a, b = integers(dtype, *SIX[0], bits=5), integers(dtype, *SIX[1], bits=5)
    y = fitted(a.astype(np.int64) * b, 3, dtype, chip)
    return Case("Mul", [a], y, (-4, -5), {"b": (b, -4)})


def comparison_in_many_dimensions(dtype, chip):
    a, b = integers(dtype, 2, 1, 2, 1, 3, bits=1), integers(dtype, 2, 1, 2, 1, bits=1)
    return Case("LessOrEqual", [a, b], a <= b, (-4, -4, 0))


def sum_of_two_types(dtype, chip):
    a, b = integers("int8", 3, 7), integers("int16", 1, 7, bits=9)
    return Case("Add", [a, b], fitted(a + b.astype(int), 0, dtype, chip), (-4,) * 3)


def joint_of_two_types(dtype, chip):
    a, b = integers("int8", 3, 2), integers("int16", 3, 3)
    y = fitted(np.concatenate([a, b], 1), 0, dtype, chip)
    return Case("Concat", [a, b], y, (-4,) * 3, given={"axis": 1})


def matrices_in_many_dimensions(dtype, chip):
    a, b = integers(dtype, 2, 1, 3, 2, 5, bits=4), integers(dtype, 1, 2, 3, 5, 4, bits=4)
    y = fitted(a.astype(int) @ b, 3, dtype, chip)
    return Case("MatMul", [a, b], y, (-4, -4, -5), given={"input1_layout": "native_kn"})


def repeated_matrices(dtype, chip):
    """More turns of repeated and other dimensions than two, and a constant on the left."""
    a, b = integers(dtype, 2, 1, 2, 1, 3, 5, bits=4), integers(dtype, 2, 1, 2, 5, 4, bits=4)
    y = fitted(a.astype(int) @ b, 3, dtype, chip)
    given = {"input1_layout": "native_kn"}
    constants = {"a": (a, -4)}
    return Case("MatMul", [b], y, (-4, -5), constants, ("a", "x0"), given, written=False)


def a_factor_turned(dtype, chip):
    x, w = integers(dtype, 6, 3, bits=4), integers(dtype, 6, 5, bits=4)
    matrix = stored_filter(np.ascontiguousarray(w.T), 1, find_chip(chip).lanes(dtype))
    y = fitted(x.T.astype(int) @ w, 3, dtype, chip)
    stored = (matrix.reshape(1, 1, 6, 5), -4)
    return Case("Gemm", [x], y, (-4, -5), {"w": stored}, given={"transA": 1})


SEVEN = (2, 1, 2, 3, 2, 2, 3)


def turned_in_many_dimensions(dtype, chip):
    x, order = integers(dtype, *SEVEN), (4, 0, 6, 2, 1, 5, 3)
    return Case("Transpose", [x], x.transpose(order), given={"perm": order})


def cut_in_many_dimensions(dtype, chip):
    x = integers(dtype, *SEVEN)
    lists = {"s": [1, 2, 0], "e": [2, -9, 1], "a": [0, 6, 3], "t": [1, -2, 1]}
    constants = {name: (np.int64(numbers),) for name, numbers in lists.items()}
    return Case("Slice", [x], x[1:2, :, :, :1, :, :, ::-2], constants=constants)


def padded_in_many_dimensions(dtype, chip):
    x = integers(dtype, *SEVEN)
    widths = ((0, 0), (1, 2), (0, 0), (2, 1), (0, 1), (1, 0), (0, 2))
    sides = np.int64([w[side] for side in (0, 1) for w in widths])
    constants = {"w": (sides,), "v": (np.array(7, dtype), -4)}
    y = np.pad(x, widths, constant_values=7)
    return Case("Pad", [x], y, constants=constants, given={"mode": "constant"})


def nearest(x, sizes, scales, exponents=(-4, -4), chip="esp32"):
    """`sizes` of rows and columns, `scales` of the node."""
    places = [
        np.minimum((np.arange(n) / np.float32(s)).astype(int), extent - 1)
        for n, s, extent in zip(sizes, scales, x.shape[1:-1], strict=True)
    ]
    y = x
    for axis, at in enumerate(places, 1):
        y = y.take(at, axis)
    y = fitted(y, exponents[1] - exponents[0], x.dtype, chip)
    constants = {"s": (np.float32([1, 1, *scales]),)}
    given = {"mode": "nearest"}
    return Case("Resize", [x], y, exponents, constants, ("x0", "", "s"), given)


def nearest_pixels_of_several_images(dtype, chip):
    x = integers(dtype, 2, 3, 2, 17)
    return nearest(x, (6, 6), (2, 3), (-4, -3), chip)


def nearest_pixels_of_odd_scales(dtype, chip):
    return nearest(integers(dtype, 1, 5, 3, 2), (7, 5), (1.5, 1.75))


def nearest_values_of_a_signal(dtype, chip):
    return nearest(integers(dtype, 3, 5, 2), (12,), (2.5,))


def one_pixel_between_others(dtype, chip):
    """One row: interpolated along the columns, halfway between two, and repeated."""
    x = integers("int8", 1, 1, 3, 2)
    wide = x.astype(int)[0, 0]
    quarter = [wide[0] * 4, wide[0] * 3 + wide[1], wide[0] + wide[1] * 3]
    quarter += [wide[1] * 3 + wide[2], wide[1] + wide[2] * 3, wide[2] * 4]
    row = fitted(np.array(quarter), 2, "int8", chip)
    y = np.broadcast_to(row, (1, 3, 6, 2)).copy()
    constants = {"s": (np.float32([1, 1, 3, 2]),)}
    places, given = ("x0", "", "s"), {"mode": "linear"}
    return Case("Resize", [x], y, constants=constants, places=places, given=given)


def zeros_between_several_images(dtype, chip):
    x = integers(dtype, 2, 2, 2, 3)
    y = np.zeros((2, 3, 3, 3), dtype)
    y[:, ::2, ::2] = x
    return Case("InsertZeros", [x], y, given={"stride": (2, 2), "output_padding": (0, 0)})


def a_bias_of_another_exponent(dtype, chip):
    """ESP-DL adds its integers as they are."""
    case = convolution(dtype, chip, shape=(1, 3, 3, 2), outputs=3, kernel=1, group=1, seed=6)
    bias, *exponents = case.constants["b"]
    case.constants["b"] = (bias, *(e + 3 for e in exponents))
    return case


def a_table_under_a_foreign_name(dtype, chip):
    x = integers("int8", 2, 9)
    table = integers("int8", 256, seed=8)
    y = table[x.astype(int) + 128]
    given = {"lut": "a_table_under_a_foreign_name.t"}
    return Case("Erf", [x], y, (-4, -7), {"t": (table, -7)}, ("x0",), given)


def far_apart(dtype, chip):
    """Exponents beyond any shift: nothing is left, or everything saturates."""
    x = integers(dtype, 3, 5)
    y = np.where(x > 0, np.iinfo(dtype).max, np.where(x < 0, np.iinfo(dtype).min, 0))
    return Case("RequantizeLinear", [x], y.astype(dtype), (20, -20), written=False)


def far_apart_the_other_way(dtype, chip):
    x = integers(dtype, 3, 5)
    return Case("RequantizeLinear", [x], np.zeros_like(x), (-20, 20), written=False)


EXACT = {
    function.__name__: function
    for function in (
        *(groups, groups_beside_vectors, groups_of_a_signal, several_filters_of_a_channel),
        *(images_at_once, largest_of_several_images, means_of_several_images),
        *(largest_far_outside, means_far_outside_a_signal, zeros_between_several_images),
        *(sum_in_many_dimensions, product_with_a_constant_in_many_dimensions),
        *(comparison_in_many_dimensions, sum_of_two_types, joint_of_two_types),
        *(matrices_in_many_dimensions, repeated_matrices, a_factor_turned),
        *(turned_in_many_dimensions, cut_in_many_dimensions, padded_in_many_dimensions),
        *(nearest_pixels_of_several_images, nearest_pixels_of_odd_scales),
        *(nearest_values_of_a_signal, one_pixel_between_others, a_bias_of_another_exponent),
        *(a_table_under_a_foreign_name, far_apart, far_apart_the_other_way),
    )
}
