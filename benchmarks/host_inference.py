"""Inference on the PC against onnxruntime on the same model and inputs, in one run.

For each float model, each chip and each number of threads: medians of milliseconds of `lib(x)`, of
onnxruntime on the same QDQ model and on the float model, taking turns, and how many times as long
they take. With `--esp-ppq`, the interpreter of an environment that has ESP-PPQ, also its executor.
Beside them:

* `kernels`: the compiled function alone, called with tensors of TVM; what `lib(x)` takes more is
  Python's share, `overhead`, in microseconds;
* `batch`: microseconds for each sample of `run_batch`, over all threads;
* `watch`: milliseconds of the first `run_with_intermediates`, which compiles nothing;
* a line for each kind of operator: its share, GMAC/s, percent of the peak that `int8_peak.py`
  measures, GB/s.

Networks of `.espdl` files have no ONNX, and so no peer here; `zoo_inference.py` has others.

Run: `python benchmarks/host_inference.py [--models FOLDER] [--espdl FOLDER] [--chips esp32s3 …]
[--threads 1 2] [--precision int16] [--seconds 1] [--operators] [--esp-ppq PYTHON]`. FOLDER of
models has `<name>.calib.npz` beside them; the committed digits network is always measured.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import tvm
from int8_peak import int8_peak
from timing import alternating, cpu_name
from zoo_inference import inputs_of

from tvm_espdl.chips import CHIPS, find_chip
from tvm_espdl.compilation import compile_espdl, compile_file
from tvm_espdl.demo import DATA
from tvm_espdl.errors import EspdlWarning
from tvm_espdl.espdl import load
from tvm_espdl.espdl.evidence import find
from tvm_espdl.quantize import preprocess_onnx, quantize_onnx
from tvm_espdl.runtime.buffers import empty, memory, readable
from tvm_espdl.runtime.clipping import clipped

BATCH_SECONDS = 0.5
ROUNDS = 5  # reading the clock takes as long as a small operator


def session(model, threads):
    """onnxruntime's run of a model, as a function of nothing, for given inputs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    made = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (name,) = (node.name for node in made.get_inputs())
    return lambda x: made.run(None, {name: x})


def compiled_call(library, arrays):
    """The compiled function alone, where the network is one."""
    executor = library.executor
    if executor.direct is None:
        return None
    (segment,) = executor.segments
    given = dict(zip(executor.program.inputs, library.feed(arrays), strict=True))
    given |= {s.value: np.zeros_like(empty(executor.program.values[s.value]))
              for s in executor.program.states}  # fmt: skip
    tensors = [tvm.runtime.tensor(given[name]) for name in segment.inputs]
    tensors += [
        tvm.runtime.empty(t.shape, t.dtype)
        for t in (executor.program.values[name] for name in segment.outputs)
    ]
    function = executor.module[segment.symbol]
    return lambda: function(*tensors)


def esp_ppq_milliseconds(interpreter, model, calibration, chip):
    """Of its executor for one sample; None where it does not take the network."""
    script = Path(__file__).with_name("esp_ppq_outputs.py").resolve()
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "float.onnx")
        for name in ("calibrated", "judged"):
            np.savez(Path(folder) / f"{name}.npz", x0=calibration[:, None])
        done = subprocess.run(
            [interpreter, str(script), folder, chip], capture_output=True, text=True, check=False
        )
    return json.loads(done.stdout.splitlines()[-1])["ms"] if done.returncode == 0 else None


def batch_microseconds(library, arrays, once):
    """Of each sample of a batch that takes about half a second."""
    count = max(4, min(int(BATCH_SECONDS * 1000 / once), 100_000))
    many = [np.repeat(array, count, axis=0) for array in arrays]
    library.run_batch(many[0][:4] if len(many) == 1 else [a[:4] for a in many], progress=False)
    start = time.perf_counter()
    library.run_batch(many, progress=False)
    return (time.perf_counter() - start) / count * 1e6


def operators(library, arrays, peak):
    """Lines of the kinds of operators, the slowest first; CPU time of one thread."""
    executor, found = library.executor, defaultdict(lambda: np.zeros(4))
    program = executor.program
    values = executor.values(library.feed(arrays), [
        np.zeros(program.values[s.value].shape, program.values[s.value].dtype)
        for s in program.states
    ])  # fmt: skip
    values = {**program.constants, **values}
    joined = {id(step) for step in clipped(program).values()}  # with the products before them
    for number, step in enumerate(program.steps):
        if isinstance(executor._calls[number], str) or id(step) in joined:
            continue
        call, _ = executor._calls[number]
        given = [readable(values[name]) for name in step.inputs]
        given += [*executor._packed[number], *(empty(program.values[n]) for n in step.outputs)]
        given += [memory(call.kernel.scratch)] * bool(call.kernel.scratch)
        pointers = [array.ctypes.data for array in given]
        best = float("inf")
        for _ in range(10):
            start = time.thread_time()
            for _ in range(ROUNDS):
                executor._kernels[number](*pointers, *call.all_parts)
            best = min(best, (time.thread_time() - start) / ROUNDS)
        operator = step.operator
        found[operator.name] += 1, best, operator.macs, operator.bytes_moved
    total = sum(row[1] for row in found.values())
    for name, (count, took, macs, moved) in sorted(found.items(), key=lambda row: -row[1][1]):
        speed = macs / took / 1e9
        share = f"{100 * speed / peak:5.1f} %" if peak and macs else "      -"
        print(f"    {name:22} x{count:<4.0f} {100 * took / total:5.1f} %  {speed:8.1f} GMAC/s "
              f"{share} of the peak {moved / took / 1e9:7.1f} GB/s")  # fmt: skip


def row(name, library, arrays, peers, options):
    """One line; `peers` are functions of the first array, by name."""
    given = arrays[0]
    runs = {"lib": lambda: library.run(arrays)}
    kernels = compiled_call(library, arrays)
    if kernels is not None:
        runs["kernels"] = kernels
    runs |= {peer: (lambda run=run: run(given)) for peer, run in peers.items()}
    times = alternating(runs, options.seconds)
    ours = times["lib"][1]
    overhead = f"{(ours - times['kernels'][1]) * 1000:8.1f}" if kernels is not None else f"{'-':>8}"
    start = time.perf_counter()
    library.observe(arrays)
    watched = (time.perf_counter() - start) * 1000
    ratios = " ".join(f"{times[p][1]:9.3f} {times[p][1] / ours:6.2f}" for p in peers)
    batch = "-" if library.program.states else f"{batch_microseconds(library, arrays, ours):.1f}"
    macs = sum(getattr(step.operator, "macs", 0) for step in library.program.steps) / 1e6
    print(f"{name[-40:]:40} {library.chip.name:8} {macs:7.1f} {ours:9.3f} {times['lib'][0]:9.3f} "
          f"{overhead} {batch:>9} {watched:8.1f} {ratios}", flush=True)  # fmt: skip
    if options.operators:
        operators(library, arrays, options.peak)


def measure(options, threads):
    """All rows of one number of threads."""
    peak, path = int8_peak()
    options.peak = peak
    said = f"{peak:.0f} GMAC/s of int8 ({path})" if peak else path
    print(f"{cpu_name()}, {threads} thread{'s' * (threads > 1)}; a core's peak: {said}; "
          f"onnxruntime {onnxruntime.__version__}, TVM {tvm.__version__}")  # fmt: skip
    print(f"{'network':40} {'chip':8} {'M MACs':>7} {'lib(x) ms':>9} {'least ms':>9} "
          f"{'over. us':>8} {'batch us':>9} {'watch ms':>8} {'QDQ ms':>9} {'ratio':>6} "
          f"{'float ms':>9} {'ratio':>6}")  # fmt: skip
    for name, path, calibration in float_models(options.models):
        prepared = preprocess_onnx(path)
        for chip in options.chips:
            model = quantize_onnx(
                prepared, calibration, chip, precision=options.precision, measure=False
            ).model
            peers = {"QDQ": session(model, threads), "float": session(prepared, threads)}
            x = np.ascontiguousarray(calibration[:1])
            row(name, compile_file(model), [x], peers, options)
            if options.esp_ppq:
                took = esp_ppq_milliseconds(options.esp_ppq, prepared, calibration, chip)
                print("    ESP-PPQ " + ("refuses it" if took is None else f"{took:.1f} ms"))
    for path in sorted(Path(options.espdl).glob("*.espdl")) if options.espdl else []:
        file = load(path)
        chip = find(file).chip or find_chip("esp32p4" if "p4" in path.name else "esp32s3")
        library = compile_espdl(file, chip.name)
        arrays = [inputs_of(file)[name] for name in library.input_names]
        row(path.stem, library, arrays, {}, options)


def float_models(folder):
    """Names, paths and calibration samples."""
    with np.load(DATA / "digits.npz") as stored:
        yield "digits_cnn", DATA / "digits_cnn.onnx", stored["calibration"][:4]
    for path in sorted(Path(folder).glob("*.onnx")) if folder else []:
        data = path.with_suffix(".calib.npz")
        if data.exists() and path.stem != "digits_cnn":
            with np.load(data) as stored:
                yield path.stem, path, stored[stored.files[0]].astype(np.float32)[:4]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models")
    parser.add_argument("--espdl")
    parser.add_argument("--chips", nargs="+", choices=CHIPS, default=["esp32s3"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--precision", choices=("int8", "int16"))
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--operators", action="store_true")
    parser.add_argument("--esp-ppq")
    options = parser.parse_args()
    warnings.simplefilter("ignore", EspdlWarning)  # few samples; products that wrap, as on the chip
    own = os.environ.get("TVM_NUM_THREADS")
    if [own] == [str(count) for count in options.threads]:
        measure(options, options.threads[0])
        return
    for count in options.threads:  # TVM asks for the number once in a process
        given = [a for a in sys.argv[1:] if a not in ("--threads", *map(str, options.threads))]
        subprocess.run(
            [sys.executable, __file__, *given, "--threads", str(count)],
            env={**os.environ, "TVM_NUM_THREADS": str(count)},
            check=True,
        )


if __name__ == "__main__":
    main()
