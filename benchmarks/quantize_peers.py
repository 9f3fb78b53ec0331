"""Accuracy of int8 beside ESP-PPQ's and onnxruntime's own, on real networks and the same data.

Networks are .onnx files, or names of installed packages whose .onnx files are taken
(`package:part` takes those with that part in their path); `--models FOLDER` adds those of `float/`
there. All peers get the same float network and the same samples, and are judged on others:
signal-to-noise ratio of the outputs in dB, of noise over signal the mean over all outputs.

* ours: `quantize_onnx`, all by default, computed with the integer library that has the chip's bits;
* onnxruntime: its static quantization to int8, QDQ, per tensor, any scale and zero point, the best
  of MinMax, Percentile and Entropy, with float arithmetic between quantize and dequantize;
* ESP-PPQ: its defaults and 8 bits in its own simulation, with `--esp_ppq PYTHON`, the interpreter
  of an environment that has it (it needs torch).

Run: `python benchmarks/quantize_peers.py NETWORK ... [--shape NAME=1,3,160,160] [--json FILE]`.
Inputs are `--data FILE.npz`, the `.calib.npz` beside a network, or made up: smooth images with
edges, voiced sounds and their spectrograms, bytes. `--advice` adds what our report proposes.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import logging
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from made_up_inputs import made_up
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from tvm_espdl.errors import EspdlError, EspdlWarning
from tvm_espdl.onnx_graphs.model import fix_batch, input_signature, load_model, output_names
from tvm_espdl.onnx_graphs.session import open_session, run_session
from tvm_espdl.preprocess import preprocess_onnx
from tvm_espdl.quantize import measure_accuracy, quantize_onnx
from tvm_espdl.quantize.report.accuracy import compare_outputs

CALIBRATED, JUDGED = 32, 24
METHODS = ("MinMax", "Percentile", "Entropy")

#: Shapes of inputs of known networks that leave them open: what their packages feed, or smaller.
SHAPES = {
    "320n": {"images": (1, 3, 160, 160)},
    "cls_infer": {"x": (1, 3, 48, 192)},
    "cls_mobile": {"x": (1, 3, 48, 192)},
    "det_infer": {"x": (1, 3, 160, 160)},
    "rec_infer": {"x": (1, 3, 48, 160)},
    "silero_vad_16k_op15": {"input": (1, 576), "state": (2, 1, 128)},
    "silero_vad_half": {"input": (1, 576), "state": (2, 1, 128)},
    "Stage_0": {"input": (1, 3, 100, 160)},
    "plcmos": {"degraded_audio": (1, 1, 100, 257)},
}


class Reader(CalibrationDataReader):
    """Hands samples to onnxruntime's calibration."""

    def __init__(self, samples):
        self._samples = iter(samples)

    def get_next(self):
        return next(self._samples, None)


def find_networks(names, models):
    """The files, each once."""
    found = []
    for name in names:
        if name.endswith(".onnx"):
            found.append(Path(name))
            continue
        package, _, part = name.partition(":")
        spec = importlib.util.find_spec(package)
        if spec is None:
            sys.exit(f"no package {package} is installed here")
        for folder in spec.submodule_search_locations or ():
            inside = sorted(Path(folder).rglob("*.onnx"))
            found += [path for path in inside if part in str(path.relative_to(folder))]
    if models is not None:
        found += sorted(p for p in models.glob("float/*.onnx") if _stored(p).exists())
    return list(dict.fromkeys(found))


def _stored(path):
    return path.with_suffix(".calib.npz")


def with_shapes(path, wishes):
    """The float network with fixed inputs."""
    model = load_model(path)
    known = next((shapes for part, shapes in SHAPES.items() if part in path.name), {})
    shapes = {**known, **wishes}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        for dim, extent in zip(dims, shapes.get(value.name, ()), strict=False):
            dim.dim_value = extent
    del model.graph.value_info[:]
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            dim.ClearField("value")
    return fix_batch(onnx.shape_inference.infer_shapes(model))


@dataclass
class Data:
    """Samples to calibrate with, others to judge by, and the float outputs for these."""

    calibrated: list
    judged: list
    references: list = field(default_factory=list)


def samples_of(path, signature, data):
    """Samples for a network: stored ones, or made up."""
    file = data or _stored(path)
    count = CALIBRATED + JUDGED
    if file.exists():
        with np.load(file) as stored:
            arrays = dict(zip(signature, (stored[name] for name in stored.files), strict=True))
        rows = [
            {n: a[i : i + 1].astype(signature[n][1]).reshape(signature[n][0])
             for n, a in arrays.items()}
            for i in range(min(count, *(len(array) for array in arrays.values())))
        ]  # fmt: skip
    else:
        rows = made_up(signature, count)
    kept = min(JUDGED, len(rows) // 4)
    return Data(rows[: len(rows) - kept], rows[len(rows) - kept :])


def references_of(model, judged):
    """The float outputs."""
    session, names = open_session(model, "reference"), output_names(model)
    return [
        dict(zip(names, run_session(session, names, x, "reference"), strict=True)) for x in judged
    ]


def snr_of(references, found):
    """In dB; infinite where nothing differs."""
    accuracy = compare_outputs(references, found)
    return float("nan") if accuracy.broken else accuracy.snr


def ours(model, prepared, data, chip, *, advice):
    """SNR with the chip's bits, seconds, and what the report proposes."""
    start = time.perf_counter()
    result = quantize_onnx(model, data.calibrated, chip, measure=advice)
    took = time.perf_counter() - start
    accuracy = measure_accuracy(prepared, result.model, data.judged, chip=chip)
    found = float("nan") if accuracy.broken else accuracy.snr
    return found, took, [str(line) for line in getattr(result.report, "advice", ())]


def onnxruntimes(prepared, data):
    """SNR by the method."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(prepared, source)
        for method in METHODS:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    quantize_static(
                        source, target, Reader(data.calibrated), quant_format=QuantFormat.QDQ,
                        per_channel=False, activation_type=QuantType.QInt8,
                        weight_type=QuantType.QInt8,
                        calibrate_method=getattr(CalibrationMethod, method),
                    )  # fmt: skip
                found[method] = snr_of(
                    data.references, references_of(onnx.load(target), data.judged)
                )
            except Exception as problem:
                print(f"  onnxruntime {method}: {str(problem).splitlines()[0][:90]}")
    return found


def esp_ppqs(interpreter, models, data, chip):
    """SNR of its simulation on the first of some forms of a network that it takes."""
    script = Path(__file__).with_name("esp_ppq_outputs.py")
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            onnx.save(model, Path(folder) / "float.onnx")
            for name, rows in (("calibrated", data.calibrated), ("judged", data.judged)):
                stacked = {f"x{place}": np.stack([row[key] for row in rows])
                           for place, key in enumerate(input_signature(model))}  # fmt: skip
                np.savez(Path(folder) / f"{name}.npz", **stacked)
            command = [interpreter, str(script.resolve()), folder, chip]
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
            if done.returncode == 0:
                with np.load(Path(folder) / "outputs.npz") as stored:
                    arrays = [stored[f"y{place}"] for place in range(len(data.references[0]))]
                rows = [
                    {name: np.reshape(array[i], wanted[name].shape)
                     for name, array in zip(wanted, arrays, strict=True)}
                    for i, wanted in enumerate(data.references)
                ]  # fmt: skip
                return snr_of(data.references, rows)
            why = done.stderr.strip().splitlines() or ["no message"]
            print(f"  ESP-PPQ: {why[-1][:90]}")
    return None


def compare(path, options):
    """Print a network's lines; returns them as data."""
    wishes = dict(wish.split("=") for wish in options.shape)
    shapes = {name: tuple(map(int, shape.split(","))) for name, shape in wishes.items()}
    model = with_shapes(path, shapes)
    prepared = preprocess_onnx(model)
    data = samples_of(path, input_signature(prepared), options.data)
    data.references = references_of(model, data.judged)
    rows = []
    per_tensor = onnxruntimes(prepared, data)
    for chip in options.chips:
        row = {"network": path.stem, "chip": chip, "onnxruntime": per_tensor}
        try:
            row["ours"], row["seconds"], row["advice"] = ours(
                model, prepared, data, chip, advice=options.advice
            )
        except EspdlError as problem:
            row["refused"] = str(problem)
        if options.esp_ppq:
            row["esp_ppq"] = esp_ppqs(options.esp_ppq, (model, prepared), data, chip)
        rows.append(row)
        print(_line(row), flush=True)
        for line in (row.get("refused", ""), *row.get("advice", ())):
            if line:
                print("  " + line.replace("\n", "\n  "))
    return rows


def _line(row):
    best = max(row["onnxruntime"].values(), default=None)
    figures = (row.get("ours"), row.get("esp_ppq"), best)
    text = f"{row['network'][:31]:31} {row['chip']:8}"
    text += "".join(f" {'-' if figure is None else format(figure, '.1f'):>8}" for figure in figures)
    return f"{text} {row.get('seconds', 0):8.1f}"


def main():
    """Print the table."""
    warnings.simplefilter("ignore", EspdlWarning)
    logging.disable(logging.WARNING)  # onnxruntime's hints, three for each network
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK")
    parser.add_argument("--models", type=Path, metavar="FOLDER")
    parser.add_argument("--esp_ppq", metavar="PYTHON", help="an interpreter that has ESP-PPQ")
    parser.add_argument("--chips", nargs="+", default=["esp32s3", "esp32p4"], metavar="CHIP")
    parser.add_argument("--shape", action="append", default=[], metavar="NAME=1,3,H,W")
    parser.add_argument("--data", type=Path, metavar="FILE.npz")
    parser.add_argument("--advice", action="store_true", help="print what the report proposes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    options = parser.parse_args()
    print(f"{'SNR in dB':40} {'ours':>8} {'ESP-PPQ':>8} {'ort':>8} {'seconds':>8}")
    rows = []
    for path in find_networks(options.networks, options.models):
        rows += compare(path, options)
        if options.json is not None:
            options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
