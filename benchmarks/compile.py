"""Seconds and memory from a model to its first result: without a cache, writing one, reading it.

Each in a process of its own: seconds until `compile_file` returns, those of the first `lib(x)`,
which compiles what is deferred, CPU seconds of both, and how far the process's memory rose above
what it had with everything imported. Float models are quantized beforehand.

Run: `python benchmarks/compile.py [--models FOLDER] [--espdl FOLDER] [--chip esp32s3]`, with
`<name>.calib.npz` beside float models; the committed digits network is always measured.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from timing import cpu_name

from tvm_espdl.demo import DATA
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx


def peak_megabytes():
    """The most that this process has had."""
    with suppress(OSError):  # Linux hands the other number on from the process that starts this one
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / (1 << 10)
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def one(path, folder, chip):
    """Measure in this process; prints JSON."""
    from tvm_espdl import relay
    from tvm_espdl.compilation import compile_file

    assert relay.frontend.from_onnx, "loaded"
    before, start, cpu = peak_megabytes(), time.perf_counter(), time.process_time()
    library = compile_file(path, chip, cache_dir=folder)
    built = time.perf_counter()
    values = library.program.values
    inputs = [np.zeros(values[n].shape, values[n].dtype) for n in library.program.inputs]
    library.run(inputs)
    ended = time.perf_counter()
    print(json.dumps({
        "build": built - start,
        "first": ended - built,
        "cpu": time.process_time() - cpu,
        "rise": peak_megabytes() - before,
        "peak": peak_megabytes(),
    }))  # fmt: skip


def measure(name, path, chip):
    """Three lines of one network."""
    with tempfile.TemporaryDirectory() as folder:
        for what, cache in (("no cache", ""), ("enters", folder), ("finds", folder)):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", __file__, "--one", str(path), cache, chip],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "TVM_ESPDL_CACHE": ""},
            )
            row = json.loads(done.stdout.splitlines()[-1])
            print(f"{name[-40:]:40} {what:9} {row['build']:8.2f} {row['first']:8.2f} "
                  f"{row['cpu']:8.2f} {row['rise']:8.0f} {row['peak']:8.0f}",
                  flush=True)  # fmt: skip


def main():
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path)
    parser.add_argument("--espdl", type=Path)
    parser.add_argument("--chip", default="esp32s3")
    options = parser.parse_args()
    warnings.simplefilter("ignore", EspdlWarning)  # few samples
    print(f"{cpu_name()}")
    print(f"{'network':40} {'cache':9} {'build s':>8} {'first s':>8} {'CPU s':>8} "
          f"{'rise MB':>8} {'peak MB':>8}")  # fmt: skip
    floats = sorted(options.models.glob("*.onnx")) if options.models else []
    for path in (DATA / "digits_cnn.onnx", *floats):
        data = path.with_suffix(".calib.npz")
        data = DATA / "digits.npz" if path.parent == DATA else data
        if not data.exists() or (path.stem == "digits_cnn" and path.parent != DATA):
            continue
        with np.load(data) as stored, tempfile.TemporaryDirectory() as folder:
            first = "calibration" if "calibration" in stored.files else stored.files[0]
            samples = stored[first].astype(np.float32)[:4]
            model = quantize_onnx(preprocess_onnx(path), samples, options.chip, measure=False).model
            file = Path(folder) / "model.onnx"
            file.write_bytes(model.SerializeToString())
            measure(path.stem, file, options.chip)
    for path in sorted(options.espdl.glob("*.espdl")) if options.espdl else []:
        measure(path.stem, path, "esp32p4" if "p4" in path.name else "esp32s3")


if __name__ == "__main__":
    main()
