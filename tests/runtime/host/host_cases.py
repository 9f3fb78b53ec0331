"""The comparison of host kernels with their references, with one build for many records."""

import numpy as np
import tvm
from random_operators import Record, wrong

from tvm_espdl.runtime.host import build_regions
from tvm_espdl.runtime.host.run import program_of

CHIPS = ("esp32", "esp32s3", "esp32p4")


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
