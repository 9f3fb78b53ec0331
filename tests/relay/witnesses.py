"""One network computed in independent ways, compared bit for bit; what was compared is counted.

NumPy: the operators' references, step by step; host: LLVM; C: the exported project by GCC.
"""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from network_in_c import run_network
from random_operators import inexact

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.program import Native
from tvm_espdl.program.reference import run as run_references
from tvm_espdl.relay.lowering import program_for
from tvm_espdl.runtime.executor import build


@dataclass
class Record:
    """What has been compared so far.

    Attributes
    ----------
    elements : Counter
        Elements of outputs by the pair of witnesses.
    operators : Counter
        Calls of operators in the networks, by name and type of the result.
    networks, left_out : int
        Networks; outputs that are not compared, for TVM or a C library's function computes them.
    """

    elements: Counter = field(default_factory=Counter)
    operators: Counter = field(default_factory=Counter)
    networks: int = 0
    left_out: int = 0


def program_of(model, chip):
    """The program of a model, as it is built and exported."""
    module, _ = relay.frontend.from_onnx(model)
    return program_for(module, find_chip(chip))


def comparable(program):
    """The part of a program that every engine computes alike, and how many outputs are not in it.

    What TVM makes has no reference, and functions of a C library may differ in their last bit.
    """
    vague = set()
    for step in program.steps:
        native = isinstance(step.operator, Native)
        if native or inexact(step.operator) or vague.intersection(step.inputs):
            vague.update(step.outputs)
    kept = [place for place, name in enumerate(program.outputs) if name not in vague]
    needed = {program.outputs[place] for place in kept}
    steps = []
    for step in reversed(program.steps):
        if needed.intersection(step.outputs):
            needed.update(step.inputs)
            steps.append(step)
    names = program.output_names or program.outputs
    made = {name for step in steps for name in step.outputs}
    there = made | {*program.inputs} | needed
    part = dataclasses.replace(
        program,
        values={name: t for name, t in program.values.items() if name in there},
        outputs=tuple(program.outputs[place] for place in kept),
        output_names=tuple(names[place] for place in kept),
        steps=tuple(reversed(steps)),
        origins={name: o for name, o in program.origins.items() if name in there},
    )
    return part, len(program.outputs) - len(kept)


def inputs_of(program, rng):
    """One sample: what fills the range of what quantizes it, and beyond."""
    sample = []
    for name in program.inputs:
        tensor = program.values[name]
        if np.issubdtype(tensor.dtype, np.floating):
            scale = 10.0 ** rng.integers(-1, 4)
            array = rng.normal(0, scale, tensor.shape)
            array[rng.random(tensor.shape) < 0.02] = rng.choice([-1e30, 1e30, 0.0, -0.0])
        else:
            limits = np.iinfo(tensor.dtype if np.dtype(tensor.dtype).kind in "iu" else np.uint8)
            array = rng.integers(
                max(limits.min, -(1 << 15)), min(limits.max, 1 << 15), tensor.shape
            )
        sample.append(array.astype(tensor.dtype))
    return sample


def compare(program, samples, record, *, references=2):
    """Raise AssertionError where host and C, or NumPy on the first `references` samples, differ."""
    whole, (part, left_out) = program, comparable(program)
    record.networks += 1
    record.left_out += left_out
    for step in whole.steps:
        result = whole.values[step.outputs[0]].dtype
        record.operators[f"{step.operator.name}: {result}"] += 1
    if not part.outputs:
        return
    (executor,) = build([part])
    on_host = [executor.run(sample)[0] for sample in samples]
    in_c = run_network(part, samples)
    _agree("host = C", part, on_host, in_c, record)
    names = part.input_names or part.inputs
    values = (run_references(part, dict(zip(names, s, strict=True))) for s in samples[:references])
    by_numpy = [[found[name] for name in part.outputs] for found in values]
    _agree("NumPy = host", part, by_numpy, on_host[:references], record)


def _agree(pair, program, ones, others, record):
    for number, (one, other) in enumerate(zip(ones, others, strict=True)):
        for name, a, b in zip(program.outputs, one, other, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), f"{pair}, {name!a}"
            if a.tobytes() != b.tobytes() and not _same_numbers(a, b):
                count = int((a != b).sum())
                raise AssertionError(
                    f"{pair}: sample {number}, output {name!a}: {count} of {a.size} elements "
                    f"differ; the first: {a[a != b][:4]} and {b[a != b][:4]}"
                )
            record.elements[pair] += a.size


def _same_numbers(a, b):
    """Whether they differ in the bits of NaN alone."""
    return a.dtype.kind == "f" and np.array_equal(a, b, equal_nan=True)
