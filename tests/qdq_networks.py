"""Small networks for the tests of quantization, and a reader of the quantized result.

Must never compute an exponent the way the package does: it only reads what was written.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import tvm_espdl.quantize as room

RNG_SEED = 20240607

#: Nothing saturates, nothing is searched or measured, all samples are calibrated with.
PLAIN = {
    "activations": "minmax",
    "weights": "minmax",
    "recover": (),
    "hold_out": 0,
    "measure": False,
}


def floats(*shape, seed=RNG_SEED, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def network(nodes, inputs, outputs, constants=None, *, opset=13, types=None):
    """A model; `inputs` and `outputs` are {name: shape}, `constants` {name: array}."""
    types = types or {}

    def values(entries):
        return [
            helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), shape)
            for name, shape in entries.items()
        ]

    graph = helper.make_graph(
        nodes,
        "network",
        values(inputs),
        values(outputs),
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run(model, feed):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


class Quantized:
    """Looks things up in a QDQ model."""

    def __init__(self, model):
        self.model = model
        self.nodes = list(model.graph.node)
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.maker = {name: n for n in self.nodes for name in n.output}

    def one(self, operator):
        found = self.all(operator)
        assert len(found) == 1, [n.op_type for n in self.nodes]
        return found[0]

    def all(self, operator):
        return [n for n in self.nodes if n.op_type == operator]

    def readers(self, name):
        return [n for n in self.nodes if name in n.input]

    def exponents(self, qdq_node):
        scale = self.constants[qdq_node.input[1]]
        zero = self.constants[qdq_node.input[2]]
        assert scale.dtype == np.float32
        assert zero.shape == scale.shape
        assert not zero.any()
        mantissa, exponent = np.frexp(scale)
        assert (mantissa == 0.5).all(), "not a power of two"
        return exponent - 1

    def source(self, reader, place=0):
        """The DequantizeLinear that feeds an input."""
        found = self.maker[reader.input[place]]
        assert found.op_type == "DequantizeLinear", found.op_type
        return found

    def into(self, reader, place=0):
        """Exponent of an input."""
        exponent = self.exponents(self.source(reader, place))
        return int(exponent) if exponent.ndim == 0 else exponent

    def after(self, maker, place=0):
        """Exponent of an output, which only its QuantizeLinear may read."""
        readers = self.readers(maker.output[place])
        assert [n.op_type for n in readers] == ["QuantizeLinear"]
        return int(self.exponents(readers[0]))

    def stored(self, reader, place):
        """The integers of a constant operand."""
        return self.constants[self.source(reader, place).input[0]]

    def requantized(self, reader, place):
        """Whether an input comes through DQ -> Q -> DQ."""
        feed = self.maker.get(self.source(reader, place).input[0])
        before = self.maker.get(feed.input[0]) if feed is not None else None
        return before is not None and before.op_type == "DequantizeLinear"


def quantize(model, samples=None, chip="esp32s3", **options):
    """Quantize with random data for whatever inputs the model has; returns result and reader.

    Exponents are those at which nothing saturates, unless `options` say otherwise: they can be
    foretold.
    """
    options = {**PLAIN, **options}
    if samples is None:
        samples = {
            value.name: floats(8, *(d.dim_value for d in value.type.tensor_type.shape.dim[1:]))
            for value in model.graph.input
        }
    result = room.quantize_onnx(model, samples, chip, **options)
    return result, Quantized(result.model)


def exponent_by_search(low, high):
    """Independent statement: the smallest e with low >= -128.5 * 2^e and high < 127.5 * 2^e.

    Both roundings agree here: -128.5 goes to -128 (up, and even), 127.5 to 128 (up, and even).
    """
    for exponent in range(-30, 31):
        if low >= -128.5 * 2.0**exponent and high < 127.5 * 2.0**exponent:
            return exponent
    raise AssertionError("out of range")
