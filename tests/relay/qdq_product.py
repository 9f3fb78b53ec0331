"""Small quantize/dequantize networks, node by node, and their results step by step."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper, shape_inference
from tvm import relay

from tvm_espdl.program import Native

FLOAT = TensorProto.FLOAT
ZERO = {"int8": np.int8(0), "int16": np.int16(0), "int32": np.int32(0)}


class Network:
    """Nodes and constants in the order in which they are added; tensors are float32 names."""

    def __init__(self):
        self.nodes, self.constants, self.inputs = [], {}, []

    def input(self, name, shape, exponent=None, dtype="int8"):
        """A float input, quantized at once where an exponent is given."""
        self.inputs.append(helper.make_tensor_value_info(name, FLOAT, shape))
        return name if exponent is None else self.quantized(name, exponent, dtype)

    def constant(self, array, name=""):
        name = name or f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def node(self, kind, *inputs, name="", **attributes):
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def _scale(self, exponent):
        return self.constant(np.ldexp(np.float32(1), np.array(exponent)).astype(np.float32))

    def quantized(self, tensor, exponent, dtype="int8"):
        """A tensor after QuantizeLinear and DequantizeLinear."""
        scale, zero = self._scale(exponent), self.constant(ZERO[dtype])
        integers = self.node("QuantizeLinear", tensor, scale, zero, name=f"{tensor}_integers")
        return self.node("DequantizeLinear", integers, scale, zero, name=f"{tensor}_real")

    def weights(self, array, exponent, axis=0):
        """Integers after DequantizeLinear; `exponent` may be one for each index of `axis`."""
        zero = np.zeros(np.shape(exponent), array.dtype)
        operands = self.constant(array), self._scale(exponent), self.constant(zero)
        extra = {"axis": axis} if np.ndim(exponent) else {}
        return self.node("DequantizeLinear", *operands, **extra)

    def model(self, *outputs):
        values = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs]
        constants = [numpy_helper.from_array(a, n) for n, a in self.constants.items()]
        graph = helper.make_graph(self.nodes, "network", self.inputs, values, constants)
        opset = helper.make_opsetid("", 21)  # the first with 16-bit QuantizeLinear
        model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
        return shape_inference.infer_shapes(model)

    def build(self, *outputs, chip="esp32s3"):
        module, _ = relay.frontend.from_onnx(self.model(*outputs))
        return relay.build(module, target=f"espressif/{chip}")


def integers(rng, dtype, shape, share=1.0):
    limit = int(np.iinfo(dtype).max * share)
    return rng.integers(-limit, limit + 1, shape).astype(dtype)


def operators_of(lib):
    """Names of the operators that a library calls on ESP-DL, in order."""
    return [row.operator for row in lib.report().rows if row.defined_by == "ESP-DL"]


def rules_of(lib):
    """Names of the rules that kept something off ESP-DL."""
    return {reason.refusal.rule for reason in lib.report().reasons}


def on_tvm(lib):
    """How many calls TVM compiles itself."""
    return sum(row.defined_by == "TVM" for row in lib.report().rows)


def step_by_step(lib, *inputs):
    """The outputs by the references of the program's operators; TVM's steps are taken as run."""
    program = lib.program
    values = dict(zip(program.inputs, inputs, strict=True)) | dict(program.constants)
    run = lib.run_with_intermediates(*inputs)
    for step in program.steps:
        if isinstance(step.operator, Native):
            values |= {name: run[name] for name in step.outputs}
            continue
        arrays = [values[name] for name in step.inputs]
        result = step.operator.reference(program.chip, *arrays, *step.constants)
        np.testing.assert_array_equal(run[step.outputs[0]], result, err_msg=step.outputs[0])
        values[step.outputs[0]] = result
    return [values[name] for name in program.outputs]


def assert_same(lib, *inputs):
    """What the library gives is what its operators' references give."""
    results = lib(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    for result, expected in zip(results, step_by_step(lib, *inputs), strict=True):
        np.testing.assert_array_equal(result, expected)
