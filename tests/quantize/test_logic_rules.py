"""Powers, remainders, scatters, reversals and norms: which of their inputs are quantized."""

import numpy as np
import onnx
from qdq_networks import floats, network, node, run

from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.graph import Graph
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.rules import data_inputs, select_rules

SHAPE = (1, 4, 6)
X = {"x": SHAPE}


def chosen(*nodes, opset=21, **constants):
    """Kind and names of data inputs of each quantized node, by its type."""
    model = network(
        [node("Exp", "x", "e"), *nodes], X, {nodes[-1].output[0]: SHAPE}, constants, opset=opset
    )
    graph = Graph(onnx.shape_inference.infer_shapes(model))
    rules = select_rules(graph)
    return {
        graph.nodes[i].op_type: (rule.kind, [name for _, name in data_inputs(graph.nodes[i], rule)])
        for i, rule in rules.items()
        if graph.nodes[i].op_type != "Exp"
    }


def test_powers_and_remainders():
    two = np.float32(2)
    assert chosen(node("Pow", "e two", "y"), two=two) == {"Pow": ("own", ["e", "two"])}
    assert chosen(node("Mod", "e two", "y", fmod=1), two=two) == {"Mod": ("own", ["e", "two"])}
    assert chosen(node("Pow", "e n", "y"), n=np.int64(2)) == {}


def test_only_the_first_input_of_a_norm():
    ones = np.ones(6, np.float32)
    assert chosen(node("LpNormalization", "e", "y")) == {"LpNormalization": ("own", ["e"])}
    found = chosen(node("RMSNormalization", "e s", "y", axis=-1), opset=23, s=ones)
    assert found == {"RMSNormalization": ("own", ["e"])}


def test_indices_stay_as_they_are():
    places = np.array([[[0, 1], [0, 3]]])
    update = np.ones((1, 2, 6), np.float32)
    found = chosen(node("ScatterND", "e i u", "y"), i=places, u=update)
    assert found == {"ScatterND": ("align", ["e", "u"])}
    reversal = node("ReverseSequence", "e n", "y", batch_axis=0, time_axis=1)
    assert chosen(reversal, n=np.array([3])) == {"ReverseSequence": ("share", ["e"])}


def test_a_network_of_them_runs_on_the_chip_as_onnxruntime_says():
    nodes = [
        node("MatMul", "x m", "p"),
        node("Pow", "p two", "q"),
        node("Mod", "q three", "r", fmod=1),
        node("ReverseSequence", "r n", "s", batch_axis=0, time_axis=1),
        node("Slice", "s from to axis", "u"),
        node("ScatterND", "s places u", "v"),
        node("LpNormalization", "v", "w", axis=-1, p=2),
        node("RMSNormalization", "w scale", "y", axis=-1),
    ]
    constants = {
        "m": floats(6, 6),
        "two": np.float32(2),
        "three": np.float32(3),
        "n": np.array([3]),
        **{"from": np.array([1]), "to": np.array([3]), "axis": np.array([1])},
        "places": np.array([[[0, 0], [0, 3]]]),
        "scale": np.linspace(0.5, 2, 6).astype(np.float32),
    }
    float_model = network(nodes, X, {"y": SHAPE}, constants, opset=23)
    samples = floats(8, *SHAPE[1:], seed=3)
    quantized = quantize_onnx(float_model, samples, "esp32p4").model
    library = compile_file(quantized, chip="esp32p4")
    assert {row.defined_by for row in library.report().rows} == {"ESP-DL"}
    for sample in samples[:, None]:
        np.testing.assert_array_equal(library.run([sample])[0], run(quantized, {"x": sample})["y"])
