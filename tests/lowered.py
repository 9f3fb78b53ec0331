"""Networks brought down to their programs, evaluated by references: no compiler is needed."""

import numpy as np
from networks import by_reference
from tvm import relay

from tvm_espdl.chips import find_chip
from tvm_espdl.relay.lowering import program_for
from tvm_espdl.report.log import PartitionLog
from tvm_espdl.report.partition import report_of


def program_and_log(model, chip="esp32s3"):
    """The static list of calls, and what was refused on the way."""
    log, target = PartitionLog(), find_chip(chip)
    mod, _ = relay.frontend.from_onnx(model)
    return program_for(mod, target, log), log


def program_of(model, chip="esp32s3"):
    return program_and_log(model, chip)[0]


def report(model, chip="esp32s3"):
    return report_of(*program_and_log(model, chip))


def operators_in(program):
    return [step.operator.name for step in program.steps]


def inputs_of(program, seed=3, spread=3.0):
    rng = np.random.default_rng(seed)
    shapes = [program.values[name].shape for name in program.inputs]
    return [rng.normal(0, spread, shape).astype(np.float32) for shape in shapes]


def outputs_of(program, inputs):
    """By the operators' references; every call must run on ESP-DL."""
    values = by_reference(program, inputs)
    return [values[name] for name in program.outputs]
