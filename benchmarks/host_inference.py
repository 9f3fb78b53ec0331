"""Inference on the PC against onnxruntime on the same QDQ model, one thread, in one run.

Prints milliseconds and the ratio for each network; beside them those of `lib(x)` and of the first
`run_with_intermediates` after it, which must compile nothing.
Run: `python benchmarks/host_inference.py [MODELS]`, where MODELS is a folder of float models with
`<name>.calib.npz` beside them; the committed digits network is always measured.
"""

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import tvm
from tvm import relax

from tvm_espdl.compilation import compile_file
from tvm_espdl.demo import DATA
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx

SECONDS = 1.0


def median_milliseconds(run):
    """Median of as many runs as fit into a second, after a warm-up."""
    run()
    times = []
    begin = time.perf_counter()
    while time.perf_counter() - begin < SECONDS or len(times) < 5:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1000


def measure(name, path, calibration, chip="esp32s3"):
    model = quantize_onnx(preprocess_onnx(path), calibration, chip, measure=False).model
    network = compile_file(model)
    x = np.ascontiguousarray(calibration[:1])
    machine = relax.VirtualMachine(network.executable, tvm.cpu())
    tensor, main = tvm.runtime.tensor(x), machine["main"]
    ours = median_milliseconds(lambda: main(tensor))
    called = median_milliseconds(lambda: network(x))
    begin = time.perf_counter()
    network.run_with_intermediates(x)
    watched = (time.perf_counter() - begin) * 1000

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {session.get_inputs()[0].name: x}
    theirs = median_milliseconds(lambda: session.run(None, feed))
    ratio = f"{ours:9.3f} ms {theirs:9.3f} ms {theirs / ours:6.2f}"
    print(f"{name:24} {ratio} {called:9.3f} ms {watched:9.3f} ms")


def main(folder=None):
    titles = (
        f"{'tvm-espdl':>12} {'onnxruntime':>12} {'ratio':>6} {'lib(x)':>12} {'first watch':>12}"
    )
    print(f"{'network':24} {titles}")
    with np.load(DATA / "digits.npz") as stored:
        measure("digits_cnn", DATA / "digits_cnn.onnx", stored["calibration"])
    for path in sorted(Path(folder).glob("*.onnx")) if folder else []:
        data = path.with_suffix(".calib.npz")
        if data.exists() and path.stem != "digits_cnn":
            with np.load(data) as stored:
                calibration = stored[stored.files[0]].astype(np.float32)[:4]
            measure(path.stem, path, calibration)


if __name__ == "__main__":
    main(*sys.argv[1:])
