"""What ESP-DL's kernels cannot run and this package's can: all engines agree on it."""

import numpy as np
import pytest

from tvm_espdl.chips import find_chip
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.operator import rules_of
from tvm_espdl.runtime.host import run_operators
from tvm_espdl.selftest.c_engine import Item, run_c

OPERATORS = operators()
IMAGE = (1, 4, 5, 3)


def made(name, *tensors, **fields):
    return OPERATORS[name](*tensors, **fields)


def image(exponent=-5, dtype="int8", shape=IMAGE):
    return Tensor(dtype, shape, exponent)


def alike(name, exponents, dtype="int8", shape=(2, 3, 5), **fields):
    """Input and output of one shape."""
    return made(name, *(Tensor(dtype, shape, exponent) for exponent in exponents), **fields)


def reduced(name, exponents, dtype="int8"):
    x, y = Tensor(dtype, (3, 7), exponents[0]), Tensor(dtype, (3, 1), exponents[1])
    return made(f"reduce_{name}", x, y, axes=(1,))


def convolution(name="conv2d", filters=None, pads=(0, 0, 0, 0), strides=(1, 1), **fields):
    """On an image of 4 rows, 5 columns, 3 channels; the result's are worked out."""
    dtype, kernel, dilations = fields.pop("dtype", "int8"), (2, 2), fields.pop("dilations", (1, 1))
    depthwise, exponent = name == "depthwise_conv2d", fields.pop("y_exponent", -4)
    w = Tensor(dtype, (3 if depthwise else 18, 1 if depthwise else 3, *kernel), filters or -6)
    size = (
        (extent + begin + end - dilation * (k - 1) - 1) // stride + 1
        for extent, begin, end, k, stride, dilation in zip(
            IMAGE[1:3], pads[:2], pads[2:], kernel, strides, dilations, strict=True
        )
    )
    y = Tensor(dtype, (1, *size, w.shape[0]), exponent)
    return made(name, image(dtype=dtype), w, None, y, pads, strides, dilations)


# rule -> chip, records that break it there
CASES = {
    "exponents_fit_shifts": (
        "esp32",
        [
            alike("exp", (-31, -33)),
            alike("exp", (-40, -40), "int16"),
            alike("requantize", (31, 35)),
            alike("requantize", (-34, -36), "int16"),
            alike("relu", (-31, -30)),
            alike("clip", (-31, -31), low=-50, high=90),
            alike("leaky_relu", (-31, -33), alpha=0.3),
            alike("hard_sigmoid", (-31, -31), "int16"),
            made("softmax", Tensor("int16", (2, 5), -31), Tensor("float32", (2, 5)), axis=1),
            made("dequantize", Tensor("int16", (2, 5), -35), Tensor("float32", (2, 5))),
            made("quantize", Tensor("float32", (2, 5)), Tensor("int16", (2, 5), 33)),
            alike("lp_norm", (-31, -31), axis=1),
            *(reduced(name, (-33, -32)) for name in ("mean", "log_sum", "prod")),
            reduced("prod", (31, 60), "int16"),
            *(
                made(name, image(-31), image(-31), image(-31))
                for name in ("mul", "div", "mod", "pow")
            ),
            made("average_pool2d", image(-31), image(-33, shape=(1, 3, 4, 3)), kernel=(2, 2)),
        ],
    ),
    "scale_of_squares_fits_shifts": (
        "esp32s3",
        [reduced("l2", (-16, -14)), reduced("l2", (-30, -28), "int16")],
    ),
    "root_is_found": ("esp32p4", [reduced("l2", (-1, 2)), reduced("l2", (-3, 0), "int16")]),
    "root_ends": (
        "esp32",
        [
            made("layer_norm", image(0), None, None, image(-5), axis=3),
            made("layer_norm", image(-6, "int16"), None, None, image(-12, "int16"), axis=2),
        ],
    ),
    "exponentials_are_finite": (
        "esp32p4",
        [reduced("log_sum_exp", (1, 1)), reduced("log_sum_exp", (-3, -4), "int16")],
    ),
    "shift_is_defined": (
        "esp32s3",
        [
            alike("requantize", (-20, 12)),
            alike("requantize", (-20, 20), "int16"),
            alike("requantize", (12, -19)),
            alike("requantize", (20, -20), "int16", shape=(60,)),
        ],
    ),
    "widening_size_is_whole": (
        "esp32s3",
        [made("requantize", Tensor("int8", (56,), -3), Tensor("int16", (56,), -9))],
    ),
    "left_shift_fits_vectors": (
        "esp32s3",
        [
            alike("requantize", (-2, -9), shape=(60,)),
            made("requantize", Tensor("int16", (60,), -2), Tensor("int8", (60,), -7)),
        ],
    ),
    "channels_fill_a_vector": (
        "esp32p4",
        [made("resize_nearest", image(), image(shape=(1, 12, 10, 3)))],
    ),
    "single_operand_is_constant": (
        "esp32",
        [
            made("div", image(), image(shape=(1,)), image()),
            made("div", image(shape=(1,)), image(), image()),
        ],
    ),
    "repeated_input_survives": (
        "esp32s3",
        [
            made(
                "equal",
                Tensor("int16", shapes[0], 0),
                Tensor("int16", shapes[1], 0),
                Tensor("bool", (2, 9)),
            )
            for shapes in (((2, 9), (1, 9)), ((1, 9), (2, 9)))
        ],
    ),
    "updates_survive": (
        "esp32",
        [
            made(
                "scatter_nd",
                Tensor("int8", (3,), 0),
                Tensor("int64", (3, 1)),
                Tensor("int8", (3,), 0),
                Tensor("int8", (3,), 0),
            )
        ],
    ),
    "backward_slice_is_centred": (
        "esp32p4",
        [
            made(
                "slice",
                Tensor("int16", (9,), 0),
                Tensor("int16", (3,), 0),
                starts=(7,),
                steps=(-1,),
            )
        ],
    ),
    "input_is_one_image": (
        "esp32s3",
        [
            made("prelu", *(image(-5, shape=(2, 7, 3)),) * 2, image(-6, shape=(3,)), steepest=128),
            made("prelu", *(image(-5, shape=(4, 3)),) * 2, image(-6, shape=(3,)), steepest=128),
        ],
    ),
    "padding_is_inside_kernel": (
        "esp32p4",
        [
            convolution(pads=(2, 0, 3, 2)),
            convolution("depthwise_conv2d", pads=(0, 2, 0, 2)),
            convolution(pads=(3, 3, 3, 3), dtype="int16"),
        ],
    ),
    "stride_fits_before_tail": (
        "esp32s3",
        [convolution(pads=(0, 0, 1, 3), strides=(2, 2), dilations=(4, 5))],
    ),
    "every_window_touches_image": ("esp32", [convolution(pads=(5, 0, 5, 0), dilations=(9, 1))]),
    "filter_exponents_suit_chip": (
        "esp32s3",
        [
            convolution(filters=tuple(-4 - n % 5 for n in range(18)), y_exponent=-2),
            convolution("depthwise_conv2d", filters=(-4, -7, -5), y_exponent=-2),
        ],
    ),
    "shift_is_not_negative": (
        "esp32s3",
        [
            convolution(y_exponent=-13),
            made(
                "gemm", image(-1), Tensor("int8", (3, 17), -2), None, image(-5, shape=(1, 4, 5, 17))
            ),
            made("matmul", image(-1), image(-2, shape=(1, 4, 3, 2)), image(-5, shape=(1, 4, 5, 2))),
        ],
    ),
    "vector_shift_fits": (
        "esp32p4",
        [made("mul", *(image(0, shape=(1, 40)),) * 2, image(-2, shape=(1, 40)))],
    ),
    "inside_has_few_dimensions": (
        "esp32s3",
        [
            made(
                "pad",
                Tensor("int8", (2, 2, 3, 2, 2), 0),
                Tensor("int8", (3, 2, 3, 3, 2), 0),
                (1, 0, 0, 0, 0),
                (0, 0, 0, 1, 0),
                mode,
            )
            for mode in ("edge", "reflect")
        ],
    ),
}


def numbers(rng, tensor):
    if tensor.dtype == "float32":
        return rng.normal(0, 1e9, tensor.shape).astype(np.float32)
    if tensor.dtype == "int64":
        return rng.permuted(np.arange(tensor.size)).reshape(tensor.shape)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max + 1, tensor.shape).astype(tensor.dtype)


def runs():
    for number, (rule, (chip, records)) in enumerate(CASES.items()):
        rng = np.random.default_rng(number)
        for record in records:
            arrays = [numbers(rng, tensor) for tensor in (*record.inputs, *record.constants)]
            yield rule, record, find_chip(chip), arrays


def test_every_such_rule_is_tried():
    marked = {
        check.__name__
        for kind in OPERATORS.values()
        for check in rules_of(kind)
        if check.espdl_otherwise == "portable"
    }
    assert set(CASES) == marked


def test_each_record_breaks_the_rule_and_no_other_kind():
    for rule, record, chip, _ in runs():
        found = {refusal.rule: refusal.otherwise for refusal in record.refusals(chip)}
        assert rule in found, record
        assert set(found.values()) == {"portable"}, (record, found)


@pytest.mark.parametrize("engine", ["host", "c"])
def test_engines_agree(engine, request):
    cases = list(runs())
    expected = [record.reference(chip, *arrays) for _, record, chip, arrays in cases]
    if engine == "host":
        found = run_operators([(record, chip, arrays) for _, record, chip, arrays in cases])
    else:
        compiler = request.getfixturevalue("c_compiler")
        items = [
            Item(
                record,
                chip,
                tuple(arrays[len(record.inputs) :]),
                tuple(arrays[: len(record.inputs)]),
            )
            for _, record, chip, arrays in cases
        ]
        found = run_c(items, compiler=compiler)
    for (rule, record, _, _), a, b in zip(cases, expected, found, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), record
        assert np.array_equal(a, b, equal_nan=a.dtype == np.float32), (rule, record, a, b)
    assert len({tuple(array.ravel()) for array in expected}) > len(cases) // 2
