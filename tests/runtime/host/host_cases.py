"""The comparison of host kernels with their references, with one build for many records."""

import numpy as np
import pytest
import tvm
from random_operators import Record, wrong
from tvm.target import Target
from tvm.target.codegen import llvm_get_cpu_features

from tvm_espdl.runtime.host import build_regions, host_target
from tvm_espdl.runtime.host.cpu import needed
from tvm_espdl.runtime.host.run import program_of

CHIPS = ("esp32", "esp32s3", "esp32p4")


def target_of(cpu):
    """A CPU by LLVM's name, this PC's where that is empty; skips where this PC lacks something."""
    own = host_target(None)
    if not cpu:
        return own
    if "x86" not in str(own.attrs.get("mtriple", "x86")):
        pytest.skip("another kind of CPU")
    target = host_target(Target({"kind": "llvm", "mcpu": cpu}))
    lacks = {*needed(target)} - {str(name) for name in llvm_get_cpu_features(own)}
    if lacks:
        pytest.skip(f"this CPU has no {', '.join(sorted(lacks))}")
    return target


def one(operator, chip, arrays):
    """A record with one sample, from inputs and constants in one list."""
    count = len(operator.inputs)
    constants, inputs = tuple(arrays[count:]), tuple(arrays[:count])
    return Record(f"{chip.name}: {operator.to_json()}", operator, chip, constants, [inputs])


def differences(records, target="llvm"):
    """One line for each sample whose host result on a target is not its reference."""
    programs = {
        f"case_{n}": program_of(r.operator, r.chip, r.constants) for n, r in enumerate(records)
    }
    module = build_regions(programs, target)
    found = []
    for symbol, record in zip(programs, records, strict=True):
        output = record.operator.output
        for inputs, expected in zip(record.samples, record.references(), strict=True):
            result = tvm.runtime.tensor(np.zeros(output.shape, output.dtype))
            module[symbol](*(tvm.runtime.tensor(x) for x in inputs), result)
            off = wrong(result.numpy(), expected, record.operator)
            if off.any():
                found.append(f"{off.sum()} of {off.size}: {record.label}")
    return found
