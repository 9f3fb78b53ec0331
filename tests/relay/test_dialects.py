"""The forms that other tools write: all on ESP-DL, and the bits of the same network in our own."""

from functools import cache

import numpy as np
import pytest
from lowered import inputs_of, outputs_of, program_and_log, program_of
from qdq_dialects import DIALECTS, EspPpq, Own, Pytorch

from tvm_espdl.program import Native
from tvm_espdl.report.partition import report_of

CHIPS = ("esp32", "esp32s3", "esp32p4")
SEED = 505
IMAGE = (1, 3, 10, 8)


def integers(rng, *shape, most=60):
    return rng.integers(-most, most + 1, shape).astype(np.int8)


def biases(rng, count):
    return rng.integers(-3000, 3001, count)


def exponents(rng, chip, count):
    """One for each filter where the chip has that."""
    return rng.integers(-9, -5, count) if chip == "esp32p4" else -7


def residual(dialect, rng, chip):
    """Convolutions with every activation, a depthwise one, a sum, a pool and a dense layer."""
    x = dialect.input("x", IMAGE, -5)
    w = integers(rng, 8, 3, 3, 3)
    x = dialect.conv(x, (w, exponents(rng, chip, 8)), biases(rng, 8), -4, "relu", pads=[1] * 4)
    w = integers(rng, 8, 1, 3, 3)
    y = dialect.conv(
        x, (w, exponents(rng, chip, 8)), biases(rng, 8), -4, 6.0, pads=[1] * 4, group=8
    )
    w = integers(rng, 8, 8, 1, 1)
    y = dialect.conv(y, (w, exponents(rng, chip, 8)), biases(rng, 8), -4)
    y = dialect.max_pool(dialect.add(x, y, -4, "relu"))
    y = dialect.swish(y, -4)
    flat = dialect.flat(dialect.mean(y, -5))
    w = integers(rng, 5, 8)
    dialect.output(dialect.dense(flat, w, exponents(rng, chip, 5), biases(rng, 5), -3))
    dialect.output(y)


def flattened(dialect, rng, chip):
    """An image that is flattened with its rows and columns."""
    x = dialect.input("x", IMAGE, -5)
    w = integers(rng, 6, 3, 3, 3)
    x = dialect.conv(x, (w, exponents(rng, chip, 6)), biases(rng, 6), -4, 6.0, strides=[2, 2])
    w = integers(rng, 5, 72, most=9)
    dialect.output(dialect.dense(dialect.flat(x), w, -7, biases(rng, 5), -3))


def sequence(dialect, rng, chip):
    """Signals: a convolution in one dimension; rows times a matrix, twice from one tensor."""
    x = dialect.input("x", (1, 7, 12), -5)
    first = dialect.rows(x, integers(rng, 9, 12), -7, biases(rng, 9), -4)
    second = dialect.rows(x, integers(rng, 9, 12), -6, biases(rng, 9), -4)
    both = dialect.add(first, second, -4)
    w = integers(rng, 4, 7, 3)
    dialect.output(dialect.conv(both, (w, exponents(rng, chip, 4)), biases(rng, 4), -3, "relu"))


NETWORKS = {network.__name__: network for network in (residual, flattened, sequence)}


def written(dialect, network, chip):
    """The model; every dialect draws the same numbers."""
    writer = dialect()
    NETWORKS[network](writer, np.random.default_rng([SEED, *network.encode()]), chip)
    return writer.model()


@cache
def by_our_own_form(network, chip):
    """Inputs, and the results of the same network as our quantizer writes it."""
    program = program_of(written(Own, network, chip), chip)
    inputs = inputs_of(program, SEED, 1.5)
    return inputs, outputs_of(program, inputs)


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_network_has_the_bits_of_our_own_form(dialect, network, chip):
    program, log = program_and_log(written(DIALECTS[dialect], network, chip), chip)
    natives = [step for step in program.steps if isinstance(step.operator, Native)]
    assert not natives, report_of(program, log)
    inputs, expected = by_our_own_form(network, chip)
    for result, wanted in zip(outputs_of(program, inputs), expected, strict=True):
        assert np.unique(wanted).size > 3
        np.testing.assert_array_equal(result, wanted, err_msg=f"seed {SEED}")


def pytorch_functions():
    """Of one input each, as torch.onnx spells them."""

    def node(kind, *constants, **attributes):
        def build(net, x):
            given = [net.constant(np.asarray(c)) if c is not None else "" for c in constants]
            return net.node(kind, x, *given, **attributes)

        return build

    return {
        "adaptive pool to 5 x 4": node("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
        "mean without dimensions": node("ReduceMean", [2, 3], keepdims=0),
        "sum": node("ReduceSum", [1], keepdims=0),
        "amax": node("ReduceMax", [2, 3], keepdims=0),
        "clamp": node("Clip", np.float32(-1), np.float32(2)),
        "add of a number": lambda net, x: net.node("Add", x, net.constant(np.float32(0.5))),
        "product with a number": lambda net, x: net.node("Mul", net.constant(np.float32(3)), x),
        "quotient by a number": lambda net, x: net.node("Div", x, net.constant(np.float32(4))),
        "silu": lambda net, x: net.node("Mul", x, net.node("Sigmoid", x)),
        "hardswish": node("HardSwish"),
        "hardsigmoid": node("HardSigmoid", alpha=1 / 6, beta=0.5),
        "gelu": node("Gelu"),
        "elu": node("Elu", alpha=1.0),
        "leaky relu": node("LeakyRelu", alpha=0.1),
        "two slices in a row": lambda net, x: node("Slice", [0], [4], [3], [2])(
            net, node("Slice", [2], [9], [2], [1])(net, x)
        ),
        "pixel shuffle": node("DepthToSpace", blocksize=2, mode="CRD"),
        "interpolation": node("Resize", None, None, [1, 8, 20, 16], mode="linear"),
        "permutation": node("Transpose", perm=[0, 2, 3, 1]),
        "reflection": node("Pad", [0, 0, 1, 1, 0, 0, 1, 1], mode="reflect"),
        "unsqueeze": node("Unsqueeze", [0]),
    }


@pytest.mark.parametrize("name", pytorch_functions())
def test_function_in_its_pytorch_form(name):
    dialect = Pytorch()
    x = dialect.input("x", (1, 8, 10, 8), -4)
    dialect.output(dialect.quantized(pytorch_functions()[name](dialect.net, x.name), -4))
    program, log = program_and_log(dialect.model())
    assert not [s for s in program.steps if isinstance(s.operator, Native)], report_of(program, log)
    outputs_of(program, inputs_of(program))


def test_numbers_that_no_integer_is_stay_floats():
    dialect = Own()
    x = dialect.input("x", (1, 8), -4)
    for number in (0.3, 100.0, 2.0**-6):
        sum_ = dialect.node("Add", x.name, dialect.net.constant(np.float32(number)))
        dialect.output(dialect.quantized(sum_, -4))
    program, log = program_and_log(dialect.model())
    assert sum(isinstance(step.operator, Native) for step in program.steps) == 3
    assert {r.refusal.rule for r in report_of(program, log).reasons} == {"is_a_quantized_form"}


def test_esp_ppq_quantizes_every_edge():
    """The dialect is what it says: no float tensor is read without a dequantize of its own."""
    nodes = written(EspPpq, "residual", "esp32s3").graph.node
    reads = [name for node in nodes for name in node.input]
    dequantized = [node.output[0] for node in nodes if node.op_type == "DequantizeLinear"]
    swish = 1  # a sigmoid and a product read one tensor
    assert sum(reads.count(name) > 1 for name in dequantized) == swish
