"""Quantization against ESP-PPQ 1.3.12: signal-to-noise ratio and seconds, model by model.

ESP-PPQ is not run here (it needs torch); its figures are those measured for this project on the
same networks and the same 32 calibration inputs: output SNR of its int8 simulation on those very
inputs, the best of its three methods, and seconds from float ONNX to written files on 2 cores,
with the test vectors and the .info dump that it writes by default, without its error report.
Ours are computed with the integer library that has the chip's bits: "same" on the same inputs, as
ESP-PPQ's; "held" with every fourth input held out and judged on those only. Seconds are those of
`quantize_onnx` and `save` with 32 inputs, nothing measured, one thread. ESP-PPQ's seconds are
scaled to this machine by what onnxruntime takes for the float MobileNetV2 here, one thread,
against the 7.35 ms it took there.

Run: `python benchmarks/quantize.py MODELS`, where MODELS is a folder with `float/` and `seed/`.
The line of ratios at the end of each network is the one to look at.
"""

import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.onnx_model import input_signature
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.preprocess import preprocess_onnx
from tvm_espdl.quantize.session import open_session, run_session

#: (S3, P4) SNR in dB, seconds of the whole way on S3; None: not measured.
ESP_PPQ = {
    "digits_cnn": (27.3, 27.0, None),
    "dscnn_kws_49x10": (24.8, 31.9, 0.84),
    "resnet8_32": (23.5, 27.9, 1.40),
    "seed_resnet8": (23.2, 21.5, None),
    "actzoo_32": (19.6, 23.9, 0.92),
    "kws_conv1d": (36.6, 37.8, None),
    "yolo_nano_96": (2.5, 3.7, None),
    "yolo_tiny_160": (3.8, 5.3, 3.93),
    "mobilenetv2_100_224": (None, None, 36.9),
}
SAMPLES = 32

#: What onnxruntime took for one inference of the float MobileNetV2 where ESP-PPQ was timed.
THEIR_MILLISECONDS = 7.35


def snr(references, found):
    """In dB, over all samples and outputs."""
    noise = sum(float(((r - f) ** 2).sum()) for r, f in zip(references, found, strict=True))
    return 10 * np.log10(sum(float((r**2).sum()) for r in references) / noise)


def outputs(run, samples):
    """All outputs of each sample as one float64 vector."""
    return [np.concatenate([np.ravel(y) for y in run(x)]).astype(np.float64) for x in samples]


def measure(model, chip, samples, judged, references, **options):
    """SNR of the integer library on the samples judged."""
    network = compile_file(quantize_onnx(model, samples, chip, measure=False, **options).model)

    def run(x):
        result = network(x)
        return result if isinstance(result, (list, tuple)) else [result]

    return snr(references, outputs(run, judged))


def seconds(model, chip, samples):
    """From the float model to the file."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = quantize_onnx(model, samples, chip, hold_out=0, measure=False)
        result.save(Path(folder) / "model.onnx")
        return time.perf_counter() - start


def slowness(path):
    """How much longer onnxruntime takes on this machine than on that of ESP-PPQ's figures."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = np.zeros((1, 3, 224, 224), dtype=np.float32)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        session.run(None, {session.get_inputs()[0].name: x})
        times.append(time.perf_counter() - start)
    return np.median(times) * 1000 / THEIR_MILLISECONDS


def compare(name, path, samples, slower):
    """Print one network's lines."""
    model = onnx.load(path)
    prepared = preprocess_onnx(model)
    session = open_session(prepared, name)
    (key,) = input_signature(prepared)

    def reference(x):
        return run_session(session, None, {key: x}, name)

    batches = [samples[i : i + 1] for i in range(len(samples))]
    references = outputs(reference, batches)
    theirs = ESP_PPQ[name]
    full = len(samples) >= SAMPLES
    timed = np.concatenate([samples] * -(-SAMPLES // len(samples)))[:SAMPLES]
    for place, chip in enumerate(("esp32s3", "esp32p4")):
        line = f"{name:20} {chip:8}"
        if full:
            held = slice(3, None, 4)
            same = measure(model, chip, samples, batches, references, hold_out=0)
            out = measure(model, chip, samples, batches[held], references[held])
            line += f" {same:7.1f} {out:7.1f}"
        else:
            line += f" {'-':>7} {'-':>7}"
        line += f" {theirs[place]:7.1f}" if theirs[place] is not None else f" {'-':>7}"
        took = seconds(model, chip, timed)
        line += f" {took:8.2f}"
        if chip == "esp32s3" and theirs[2] is not None:
            line += f" {theirs[2] * slower:8.2f} {theirs[2] * slower / took:7.1f}"
        print(line, flush=True)


def main(folder):
    """Print the table."""
    warnings.simplefilter("ignore", EspdlWarning)
    root = Path(folder)
    slower = slowness(root / "float" / "mobilenetv2_100_224.onnx")
    print(f"onnxruntime takes {slower:.2f} times as long here as where ESP-PPQ was timed")
    print(f"{'':29} {'SNR, dB':>23} {'seconds':>17}")
    print(f"{'network':20} {'chip':8} {'same':>7} {'held':>7} {'ESP-PPQ':>7} {'ours':>8} "
          f"{'ESP-PPQ':>8} {'ratio':>7}")  # fmt: skip
    for name in ESP_PPQ:
        path = root / "float" / f"{name}.onnx"
        path = root / "seed" / "model.onnx" if name == "seed_resnet8" else path
        with np.load(root / "float" / f"{name}.calib.npz") as stored:
            samples = stored[stored.files[0]].astype(np.float32)[:SAMPLES]
        compare(name, path, samples, slower)


if __name__ == "__main__":
    main(*sys.argv[1:])
