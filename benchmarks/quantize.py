"""Quantization against ESP-PPQ: signal-to-noise ratio and seconds, model by model.

ESP-PPQ's SNR is what was measured for this project with version 1.3.12 on the same networks and
the same 32 calibration inputs: of the outputs of its int8 simulation on those very inputs, the
best of its three methods. Ours is computed with the integer library that has the chip's bits:
"same" on the same inputs, as ESP-PPQ's; "held" with every fourth input held out and judged on
those only.

Seconds are from the float ONNX network to the written files with 32 inputs, nothing measured:
ours of `quantize_onnx`, all else by default, and `save`, ESP-PPQ's with the test vectors and the
.info dump that it writes by default. With `--esp_ppq PYTHON`, the interpreter of an environment
with ESP-PPQ, they are taken in the same run; without, they are left out.

Run: `python benchmarks/quantize.py MODELS [--esp_ppq PYTHON] [--only NAME ...]`, where MODELS is a
folder with `float/` and `seed/`. The ratio at the end of each line is the one to look at.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnx

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.onnx_graphs.model import input_signature
from tvm_espdl.onnx_graphs.session import open_session, run_session
from tvm_espdl.preprocess import preprocess_onnx
from tvm_espdl.quantize import quantize_onnx

#: (S3, P4) SNR in dB of ESP-PPQ 1.3.12; None: not measured.
ESP_PPQ = {
    "digits_cnn": (27.3, 27.0),
    "dscnn_kws_49x10": (24.8, 31.9),
    "resnet8_32": (23.5, 27.9),
    "seed_resnet8": (23.2, 21.5),
    "actzoo_32": (19.6, 23.9),
    "kws_conv1d": (36.6, 37.8),
    "yolo_nano_96": (2.5, 3.7),
    "yolo_tiny_160": (3.8, 5.3),
    "mobilenetv2_100_224": (None, None),
}
SAMPLES = 32


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


def our_seconds(path, chip, samples):
    """From the float model to the file."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = quantize_onnx(path, samples, chip, measure=False)
        result.save(Path(folder) / "model.onnx")
        return time.perf_counter() - start


def their_seconds(interpreter, path, chip, samples):
    """From the float model to the files, as ESP-PPQ does it."""
    script = Path(__file__).with_name("esp_ppq_seconds.py")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "samples.npy"
        np.save(data, samples)
        command = [interpreter, str(script), str(path), str(data), chip]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode:
            sys.exit(f"{interpreter} cannot run ESP-PPQ on {path}:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])["seconds"]


def compare(name, path, samples, esp_ppq):
    """Print one network's lines."""
    model = onnx.load(path)
    prepared = preprocess_onnx(model)
    session = open_session(prepared, name)
    (key,) = input_signature(prepared)

    def reference(x):
        return run_session(session, None, {key: x}, name)

    batches = [samples[i : i + 1] for i in range(len(samples))]
    references = outputs(reference, batches)
    timed = np.concatenate([samples] * -(-SAMPLES // len(samples)))[:SAMPLES]
    for place, chip in enumerate(("esp32s3", "esp32p4")):
        line = f"{name:20} {chip:8}"
        if len(samples) >= SAMPLES:
            held = slice(3, None, 4)
            same = measure(model, chip, samples, batches, references, hold_out=0)
            out = measure(model, chip, samples, batches[held], references[held])
            line += f" {same:7.1f} {out:7.1f}"
        else:
            line += f" {'-':>7} {'-':>7}"
        theirs = ESP_PPQ[name][place]
        line += f" {theirs:7.1f}" if theirs is not None else f" {'-':>7}"
        ours = our_seconds(path, chip, timed)
        line += f" {ours:8.2f}"
        if esp_ppq:
            theirs = their_seconds(esp_ppq, path, chip, timed)
            line += f" {theirs:8.2f} {theirs / ours:7.1f}"
        print(line, flush=True)


def main():
    """Print the table."""
    warnings.simplefilter("ignore", EspdlWarning)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="a folder with float/ and seed/")
    parser.add_argument("--esp_ppq", metavar="PYTHON", help="an interpreter that has ESP-PPQ")
    parser.add_argument("--only", nargs="+", choices=ESP_PPQ, default=ESP_PPQ, metavar="NAME")
    options = parser.parse_args()
    print(f"{'':29} {'SNR, dB':>23} {'seconds':>17}")
    print(f"{'network':20} {'chip':8} {'same':>7} {'held':>7} {'ESP-PPQ':>7} {'ours':>8} "
          f"{'ESP-PPQ':>8} {'ratio':>7}")  # fmt: skip
    for name in options.only:
        path = options.models / "float" / f"{name}.onnx"
        path = options.models / "seed" / "model.onnx" if name == "seed_resnet8" else path
        with np.load(options.models / "float" / f"{name}.calib.npz") as stored:
            samples = stored[stored.files[0]].astype(np.float32)[:SAMPLES]
        compare(name, path, samples, options.esp_ppq)


if __name__ == "__main__":
    main()
