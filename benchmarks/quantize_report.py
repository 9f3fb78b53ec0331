"""What measuring a quantization costs: CPU seconds of quantizing without and with it.

Beside them stand those of compiling the quantized network once and running it once, and how often
that fits into the measurement. One thread, one untimed round before each network, for TVM loads
what it needs then. CPU seconds, not those of a clock on the wall: other work on the machine then
counts little.

Run: `python benchmarks/quantize_report.py MODELS [NAME ...]`, where MODELS is a folder with
`float/`; by default four networks from small to large.
"""

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import onnx

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.quantize import quantize_onnx

NAMES = ("digits_cnn", "resnet8_32", "yolo_tiny_160", "mobilenetv2_100_224")
CHIP = "esp32s3"
SAMPLES = 32  # every fourth of them is held out: 8 judge


def cpu_seconds(call):
    """What a call takes, and its result."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def report(name, folder):
    """Print the line of one network."""
    model = onnx.load(folder / f"{name}.onnx")
    with np.load(folder / f"{name}.calib.npz") as stored:
        given = stored[stored.files[0]].astype(np.float32)
    samples = np.concatenate([given] * -(-SAMPLES // len(given)))[:SAMPLES]
    compile_file(quantize_onnx(model, samples[:4], CHIP, measure=False).model)
    without, result = cpu_seconds(lambda: quantize_onnx(model, samples, CHIP, measure=False))
    measured, _ = cpu_seconds(lambda: quantize_onnx(model, samples, CHIP))
    once, library = cpu_seconds(lambda: compile_file(result.model))
    first, _ = cpu_seconds(lambda: library(samples[:1]))
    cost = measured - without
    print(f"{name:22} {without:8.2f} {measured:8.2f} {cost:9.2f} {once:8.2f} {first:8.2f} "
          f"{cost / (once + first):6.1f}", flush=True)  # fmt: skip


def main(folder, *names):
    """Print the table."""
    warnings.simplefilter("ignore", EspdlWarning)
    os.environ["OMP_NUM_THREADS"] = "1"
    print(f"{'network':22} {'without':>8} {'with':>8} {'measuring':>9} {'compile':>8} "
          f"{'1st run':>8} {'ratio':>6}")  # fmt: skip
    for name in names or NAMES:
        report(name, Path(folder) / "float")


if __name__ == "__main__":
    main(*sys.argv[1:])
