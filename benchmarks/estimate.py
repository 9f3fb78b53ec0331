"""The estimator against everything that is known: counts, published latencies, its own speed.

Prints, for each chip, how near instructions and fetched bytes are to those that were counted one by
one, then a line for each published latency: what the estimate is off by in a fit that has seen
the network's family, and in one that has not; the worst are named. With a folder of Espressif's
`.espdl` files, those of them that are published are also estimated from the file itself, as a
project would run them, with the weights and the clock of the published figure. Last, how long
MobileNetV2 takes to estimate.

Run: `OMP_NUM_THREADS=1 PYTHONPATH=scripts python benchmarks/estimate.py [FOLDER [FLOAT_MODEL]]`.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from fit_estimate import CHIPS, CLOCKS, Fit, instruction_errors, own_counts, simulated_counts
from latency_rows import published

from tvm_espdl.chips import find_chip
from tvm_espdl.estimate.evaluation import figures_of
from tvm_espdl.estimate.machine import Settings

#: Published names, and how the folder calls their files.
FILES = {
    "mobilenetv2_0_5_s8_v1": "hand_gesture_recognition_models_{0}_mobilenetv2_0_5_128_128_gesture",
    "espdet_pico_224_224_face_s8": "human_face_detect_models_{0}_espdet_pico_224_224_face",
    "mnp_s8_v1": "human_face_detect_models_{0}_human_face_detect_mnp_s8_v1",
    "msr_s8_v1": "human_face_detect_models_{0}_human_face_detect_msr_s8_v1",
    "mfn_s8_v1": "human_face_recognition_models_{0}_human_face_feat_mfn_s8_v1",
    "mobilenetv2_s8_v1": "imagenet_cls_models_{0}_imagenet_cls_mobilenetv2_s8_v1",
}
WORST = 5


def percent(errors):
    return f"mean {100 * np.abs(errors).mean():5.1f} %, worst {100 * np.abs(errors).max():5.1f} %"


def counts(chip, estimated):
    """How near the counts are."""
    for kernel, errors in instruction_errors(chip).items():
        print(f"  instructions of {errors.size:5} {kernel:26} {percent(errors)}")
    simulated = simulated_counts(chip)
    for what in ("instructions", "filter", "activation", "inner"):
        pairs = [(estimated[name][what], simulated[name][what]) for name in simulated]
        errors = np.array([found / counted - 1 for found, counted in pairs if counted])
        if errors.size:
            print(f"  {what + ' of ' + str(errors.size) + ' networks':46} {percent(errors)}")


def latencies(chip, estimated):
    """A line for each published latency."""
    fit = Fit(chip, estimated)
    print(f"  {'published':34} {'cycles':>13} {'seen':>7} {'unseen':>7}")
    for row, seen, unseen in zip(fit.rows, fit.errors, fit.unseen, strict=True):
        print(f"  {row.model:34} {row.cycles:13,} {100 * seen:+6.1f}% {100 * unseen:+6.1f}%")
    print(f"  {fit.summary()}")
    worst = np.argsort(-np.abs(fit.unseen))[:WORST]
    named = [f"{fit.rows[index].model} {100 * fit.unseen[index]:+.0f} %" for index in worst]
    print(f"  worst: {', '.join(named)}")


def from_files(chip, folder):
    """What the files themselves come to."""
    from tvm_espdl.compilation import compile_file

    own = {row.model: row for row in published(chip.name)}
    short = chip.name.removeprefix("esp32")
    for name, file in FILES.items():
        path, row = folder / f"{file.format(short)}.espdl", own[f"{name}_{short}"]
        if not path.exists():
            continue
        program = compile_file(path, chip.name).program
        clock = CLOCKS[chip.name]
        settings = Settings(clock, weights=row.weights, tensors="psram", filters="whole")
        found = figures_of(program, settings)
        wanted = row.cycles / CLOCKS[chip.name] / 1000
        error = 100 * (found.milliseconds / wanted - 1)
        rough = f", {found.error_percent:.0f} % stated" if found.extrapolations else ""
        print(f"  {path.stem:70} {wanted:8.1f} ms, estimated {error:+6.1f} %{rough}")


def speed(model):
    """Seconds of this process from a float model to its figures."""
    from tvm_espdl.compilation import compile_file
    from tvm_espdl.quantize.preview import as_if_quantized

    chip = find_chip("esp32s3")
    compile_file(as_if_quantized(model, chip), chip.name)  # TVM is loaded.
    began = time.process_time()
    quantized = as_if_quantized(model, chip)
    made = time.process_time()
    program = compile_file(quantized, chip.name).program
    lowered = time.process_time()
    figures_of(program)
    ended = time.process_time()
    parts = (made - began, lowered - made, ended - lowered)
    texts = [
        f"{n} {s:.2f} s" for n, s in zip(("quantize", "compile", "estimate"), parts, strict=True)
    ]
    print(f"{model}: {ended - began:.2f} s: {', '.join(texts)}")


def main(folder=None, model=None):
    warnings.simplefilter("ignore")  # Of the files' own making.
    for name in CHIPS:
        chip = find_chip(name)
        print(f"{name}:")
        estimated = own_counts(chip)
        counts(chip, estimated)
        latencies(chip, estimated)
        if folder:
            from_files(chip, Path(folder))
    if model:
        speed(model)


if __name__ == "__main__":
    main(*sys.argv[1:])
