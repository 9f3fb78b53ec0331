"""A network trained on real data, from scikit-learn to a chip: train, export, quantize, compile.

Scikit-learn's 1797 handwritten digits train a small convolutional network: filters from the
principal components of image patches, a dense network behind them. It becomes ONNX, int8, and int8
with some layers in int16; each is compiled to the library with the chip's exact bits, which counts
how many test digits are recognized.

Run: `pip install "tvm-espdl[examples]"`, then `python examples/digits.py [CHIP [FOLDER]]`; with a
FOLDER, which must not exist, an ESP-IDF project is written there.
"""

import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier

from tvm_espdl.compilation import compile_file
from tvm_espdl.quantize import quantize_onnx

FILTERS = 8


def data():
    """Images (N, 1, 8, 8) from 0 to 1 and labels (N,), for training and for testing."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order] / 16).astype(np.float32)[:, np.newaxis]
    labels = digits.target[order]
    return (images[:1200], labels[:1200]), (images[1200:], labels[1200:])


def patch_filters(images):
    """Filters (2 * FILTERS, 1, 3, 3): the main directions of image patches, both signs."""
    windows = np.lib.stride_tricks.sliding_window_view(images[:, 0], (3, 3), axis=(1, 2))
    directions = PCA(FILTERS, random_state=0).fit(windows.reshape(-1, 9)).components_
    return np.concatenate([directions, -directions]).reshape(-1, 1, 3, 3).astype(np.float32)


def to_onnx(filters, classifier=None):
    """The features, (1, 256), or the whole network with its 10 scores."""
    nodes = [
        helper.make_node("Conv", ["image", "filters"], ["patches"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["patches"], ["active"]),
        helper.make_node(
            "MaxPool", ["active"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2], name="pool"
        ),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    constants = {"filters": filters}
    last, size = "features", len(filters) * 16
    layers = (
        []
        if classifier is None
        else list(zip(classifier.coefs_, classifier.intercepts_, strict=True))
    )
    for number, (weight, bias) in enumerate(layers, 1):
        constants[f"weight{number}"] = weight.T.astype(np.float32)
        constants[f"bias{number}"] = bias.astype(np.float32)
        operands = [last, f"weight{number}", f"bias{number}"]
        last, size = f"dense{number}", len(bias)
        nodes.append(helper.make_node("Gemm", operands, [last], name=last, transB=1))
        if number < len(layers):
            nodes.append(helper.make_node("Relu", [last], [f"hidden{number}"]))
            last = f"hidden{number}"
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, (1, 1, 8, 8))],
        [helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, (1, size))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def run_float(model, images):
    """The outputs of the float network, (N, ...)."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.concatenate([session.run(None, {"image": x[np.newaxis]})[0] for x in images])


def train(images, labels):
    """The trained float network as ONNX."""
    filters = patch_filters(images)
    features = run_float(to_onnx(filters), images)
    classifier = MLPClassifier((64,), random_state=0)
    for _ in range(60):
        classifier.partial_fit(features, labels, classes=np.arange(10))
    return to_onnx(filters, classifier)


def accuracy(scores, labels):
    """Share of the labels that have the highest score."""
    return float((np.asarray(scores).reshape(len(labels), -1).argmax(axis=1) == labels).mean())


def main(chip="esp32s3", folder=None):
    """Train, quantize, compile, count; returns the accuracies."""
    training, (images, labels) = data()
    network = train(*training)
    found = {"float": accuracy(run_float(network, images), labels)}
    calibration = training[0][:200]
    for name, int16 in (("int8", ()), ("int8 and int16", ("conv",))):
        result = quantize_onnx(network, calibration, chip, int16=int16, measure=False)
        library = compile_file(result.model, chip)
        found[name] = accuracy([library(x[np.newaxis]) for x in images], labels)
    for name, share in found.items():
        print(f"{chip} {name:15} {share:7.2%} of {len(labels)} test digits")
    if folder is not None:
        library.export_project(folder, sample_input=images[:1])
        print(f"wrote {folder}")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
