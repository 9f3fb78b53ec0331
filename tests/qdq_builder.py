"""Builds small QDQ networks for tests, the way quantizers write them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DTYPES = {np.dtype(np.int8): TensorProto.INT8, np.dtype(np.int16): TensorProto.INT16}


class QdqBuilder:
    """Collects nodes and constants; every method returns the name of a tensor.

    Parameters
    ----------
    dtype : numpy dtype
        Type of the activations.
    """

    def __init__(self, dtype=np.int8):
        self.dtype = np.dtype(dtype)
        self.nodes, self.inputs, self.outputs, self.constants = [], [], [], {}

    def constant(self, array, name="constant"):
        unique = f"{name}_{len(self.constants)}"
        self.constants[unique] = np.asarray(array)
        return unique

    def node(self, operator, *inputs, outputs=1, **attributes):
        names = [f"{operator.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def input(self, name, shape):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def quantized_input(self, name, shape, exponent=-4):
        return self.qdq(self.input(name, shape), exponent)

    def quantize(self, tensor, exponent):
        zero = self.constant(np.zeros((), self.dtype))
        scale = self.constant(np.float32(2.0**exponent))
        return self.node("QuantizeLinear", tensor, scale, zero)

    def dequantize(self, tensor, exponent, dtype=None, **attributes):
        exponents = np.asarray(exponent, np.float64)
        scale = self.constant((2.0**exponents).astype(np.float32))
        zero = self.constant(np.zeros(exponents.shape, dtype or self.dtype))
        return self.node("DequantizeLinear", tensor, scale, zero, **attributes)

    def qdq(self, tensor, exponent):
        return self.dequantize(self.quantize(tensor, exponent), exponent)

    def weights(self, integers, exponent, **attributes):
        array = np.asarray(integers)
        return self.dequantize(self.constant(array), exponent, array.dtype, **attributes)

    def output(self, tensor):
        self.outputs.append(tensor)
        return tensor

    def model(self, opset=None):
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs
        ]
        initializers = [numpy_helper.from_array(v, n) for n, v in self.constants.items()]
        graph = helper.make_graph(self.nodes, "test", self.inputs, outputs, initializers)
        version = opset or (13 if self.dtype == np.int8 else 21)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", version)], ir_version=10
        )
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        onnx.checker.check_model(model)
        return model
