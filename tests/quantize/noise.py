"""How well a small network does once it is quantized, with the chip's bits, on samples unseen.

Must never let a value that is not finite count as near to anything.
"""

import numpy as np
from qdq_networks import run

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.program import Native, reference
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.relay.lowering import program_for

CHIPS = ("esp32s3", "esp32p4", "esp32")

#: The last ones judge.
UNSEEN = 4


def samples(shapes, count=36, seed=7, scale=1.0):
    """Normally distributed inputs."""
    rng = np.random.default_rng(seed)
    return [
        {n: rng.normal(0, scale, s).astype(np.float32) for n, s in shapes.items()}
        for _ in range(count)
    ]


def decibels(wanted, found):
    found = np.asarray(found, dtype=np.float64)
    assert np.isfinite(found).all()
    noise = ((wanted - found) ** 2).sum()
    return np.inf if noise == 0 else 10 * np.log10((np.asarray(wanted) ** 2.0).sum() / noise)


def outputs(model, chip, data):
    """What the chip computes of the samples `data`, one dict each."""
    program = program_for(relay.frontend.from_onnx(model)[0], find_chip(chip))
    if any(isinstance(step.operator, Native) for step in program.steps):
        library = compile_file(model, chip)
        names = library.output_names
        return [
            dict(zip(names, library.run([x[n] for n in library.input_names]), strict=True))
            for x in data
        ]
    found = []
    for x in data:
        values = reference.run(program, x)
        names = zip(program.output_names, program.outputs, strict=True)
        found.append({name: values[value] for name, value in names})
    return found


def quantized(model, data, chip, **options):
    """The result of quantization with all but the samples that judge."""
    return quantize_onnx(model, data[:-UNSEEN], chip, **{"measure": False, **options})


def levels(model, data, chip, parts=None, **options):
    """SNR in dB of each output, or of parts of it along axis 1: {(output, part): dB}."""
    result = quantized(model, data, chip, **options)
    unseen = data[-UNSEEN:]
    exact = [run(model, x) for x in unseen]
    found = outputs(result.model, chip, unseen)
    every = {}
    for name in exact[0]:
        pair = [np.stack([one[name] for one in many]) for many in (exact, found)]
        for label, (start, end) in (parts or {"": (0, None)}).items():
            every[name, label] = decibels(*(values[:, :, start:end] for values in pair))
    return every


def level(model, data, chip, **options):
    """The SNR in dB of the only output."""
    (found,) = levels(model, data, chip, **options).values()
    return found
