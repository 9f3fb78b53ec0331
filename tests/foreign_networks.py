"""Networks that others quantized: by onnxruntime's own quantizer, and written by hand."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

MICROSOFT = "com.microsoft"


def model_of(nodes, inputs, outputs, constants, opset=17):
    """A model of nodes; inputs and outputs are {name: (type, shape)}."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(n, *spec) for n, spec in inputs.items()],
        [helper.make_tensor_value_info(n, *spec) for n, spec in outputs.items()],
        [
            v if isinstance(v, TensorProto) else numpy_helper.from_array(np.asarray(v), n)
            for n, v in constants.items()
        ],
    )
    used = {node.domain for node in nodes} - {""}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in sorted(used))]
    version = 10 if opset > 20 else 9 if opset > 18 else 8
    model = helper.make_model(graph, opset_imports=opsets, ir_version=version)
    return onnx.shape_inference.infer_shapes(model)


def float_model(nodes, shape, constants, outputs=("y",), opset=17):
    return model_of(
        nodes,
        {"x": (TensorProto.FLOAT, shape)},
        {name: (TensorProto.FLOAT, None) for name in outputs},
        constants,
        opset,
    )


class _Reader(quantization.CalibrationDataReader):
    def __init__(self, samples, name):
        self._samples = iter([{name: sample[None]} for sample in samples])

    def get_next(self):
        return next(self._samples, None)


def by_onnxruntime(model, samples, folder, form, name="x", **options):
    """What `quantize_static` makes of a float model."""
    onnx.save(model, folder / "float.onnx")
    quantization.quantize_static(
        *(folder / "float.onnx", folder / "quantized.onnx"),
        _Reader(samples, name),
        quant_format=quantization.QuantFormat[form],
        **options,
    )
    return onnx.load(folder / "quantized.onnx")


def run(model, feed, names=None):
    """Outputs by name, of any tensors, exactly as the nodes stand."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    have = [value.name for value in watched.graph.output]
    names = have if names is None else list(names)
    watched.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in have)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(names, session.run(names, feed), strict=True))


def operators(model):
    return [node.op_type for node in model.graph.node]


class Qdq:
    """Builds a QDQ model by hand; every scale and zero point is the caller's."""

    def __init__(self, opset=17, domain=""):
        self.nodes, self.constants, self.inputs = [], {}, {}
        self.opset, self.domain = opset, domain

    def constant(self, value, name=None):
        name = name or f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def input(self, name, shape, dtype=TensorProto.FLOAT):
        self.inputs[name] = (dtype, shape)
        return name

    def node(self, operator, *inputs, output=None, domain="", **attributes):
        output = output or f"t{len(self.nodes)}"
        name = f"{output}_{operator}"
        self.nodes.append(
            helper.make_node(operator, inputs, [output], name, domain=domain, **attributes)
        )
        return output

    def quantize(self, x, scale, zero, **attributes):
        inputs = [x, self.constant(np.float32(scale)), self.constant(zero)]
        return self.node("QuantizeLinear", *inputs, domain=self.domain, **attributes)

    def dequantize(self, q, scale, zero, output=None, **attributes):
        inputs = [q, self.constant(np.float32(scale)), self.constant(zero)]
        return self.node(
            "DequantizeLinear", *inputs, output=output, domain=self.domain, **attributes
        )

    def pair(self, x, scale, zero, output=None, **attributes):
        quantized = self.quantize(x, scale, zero, **attributes)
        return self.dequantize(quantized, scale, zero, output, **attributes)

    def model(self, *outputs, shape=None, **types):
        return model_of(
            self.nodes,
            self.inputs,
            {name: (types.get(name, TensorProto.FLOAT), shape) for name in outputs},
            self.constants,
            self.opset,
        )


def with_pairs(model, exponents, dtype=np.int8):
    """The model with each tensor rounded to integers at its exponent, inputs and outputs too."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    nodes, read = [], {}

    def add_pair(source, target, name):
        for part, value in (("s", np.float32(2.0 ** exponents[name])), ("z", dtype(0))):
            tensor = numpy_helper.from_array(np.array(value), f"{name}_{part}")
            changed.graph.initializer.append(tensor)
        scale = [f"{name}_s", f"{name}_z"]
        nodes.append(helper.make_node("QuantizeLinear", [source, *scale], [f"{name}_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *scale], [target]))

    for value in changed.graph.input:
        if value.name in exponents:
            read[value.name] = f"{value.name}_dq"
            add_pair(value.name, read[value.name], value.name)
    for node in changed.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = read.get(name, name)
        nodes.append(node)
        for place, name in enumerate(node.output):
            if name in exponents:
                node.output[place] = f"{name}_open"
                add_pair(f"{name}_open", name, name)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del changed.graph.node[:]
    changed.graph.node.extend(copies)
    return changed
