"""Real architectures, quantized by our tool: all on ESP-DL, and NumPy = host = C bit for bit.

The two largest networks run for one chip only by default; TVM_ESPDL_ALL=1 runs all for all chips.
"""

import os

import numpy as np
import pytest
from network_in_c import run_network
from networks import CHIPS, by_reference

from tvm_espdl.compilation import compile_file
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx

SMALL = ("actzoo_32", "dscnn_kws_49x10", "resnet8_32", "kws_conv1d")
LARGE = ("mobilenetv2_035_96", "yolo_nano_96", "yolo_tiny_160", "mobilenetv2_100_224")
# One that the model itself asks for: it multiplies a tensor with its own transpose.
OWN_TRANSPOSES = {"actzoo_32": 1}
SEED = 3


def cases():
    everything = os.environ.get("TVM_ESPDL_ALL") == "1"
    for name in (*SMALL, *LARGE):
        for chip in CHIPS if everything or name in SMALL else ("esp32p4",):
            yield pytest.param(name, chip, id=f"{name}-{chip}")


def calibration(models, name, shape):
    path = models / "float" / f"{name}.calib.npz"
    if not path.exists():
        return np.random.default_rng(SEED).normal(size=(2, *shape[1:])).astype(np.float32)
    with np.load(path) as stored:
        return stored[stored.files[0]][:2].astype(np.float32)


@pytest.mark.parametrize(("name", "chip"), list(cases()))
def test_network(name, chip, models_dir, c_compiler):
    model = preprocess_onnx(models_dir / "float" / f"{name}.onnx")
    ((shape, _),) = input_signature(model).values()
    samples = calibration(models_dir, name, shape)
    network = compile_file(quantize_onnx(model, samples, chip, measure=False).model)

    rows = network.report().rows
    assert {row.defined_by for row in rows} == {"ESP-DL"}, network.report()
    products = [n for n, row in enumerate(rows) if row.macs]
    inside = [row.operator for row in rows[products[0] : products[-1]]]
    assert inside.count("transpose") == OWN_TRANSPOSES.get(name, 0)

    x = samples[:1]
    values = by_reference(network.program, [x])
    expected = [values[output] for output in network.program.outputs]
    for actual in (network.run([x]), run_network(network.program, [[x]], c_compiler)[0]):
        for one, other in zip(actual, expected, strict=True):
            np.testing.assert_array_equal(one, other)
