"""Consecutive steps of a program that become one function of a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ..program import Native, Program
from .clipping import clipped, with_clips
from .host import Call, HostModule


@dataclass(frozen=True)
class Segment:
    """Steps as one function.

    Attributes
    ----------
    symbol : str
        Of the function that takes DLTensors.
    inputs, outputs : tuple of str
        Names of the values that it reads and writes, in the order of its arguments.
    many : str
        Of the function for many samples, as `host.Region` has it; "" of a function of TVM's own.
    uses_threads : bool
        Whether that one has tasks for TVM's pool of threads.
    """

    symbol: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    many: str = ""
    uses_threads: bool = False


def calls_of(program: Program, module: HostModule, prefix: str) -> list[Call | str]:
    """For each step its kernel, callable from outside, or the symbol of TVM's function."""
    found: list[Call | str] = []
    clips = clipped(program)
    for number, step in enumerate(program.steps):
        if isinstance(step.operator, Native):
            found.append(module.native(step.operator.function))
            continue
        name = f"{prefix}_{step.operator.name}_{number}"
        call = module.call(step, program.chip, name, limits=step.outputs[0] in clips)
        module.open(call)
        found.append(call)
    return found


def segments_of(
    program: Program, module: HostModule, calls: Sequence[Call | str], prefix: str
) -> tuple[Segment, ...]:
    """Neighbouring operators together, each of TVM's functions on its own."""
    units = zip(program.steps, calls, range(len(calls)), strict=True)
    runs = groupby(units, lambda unit: unit[2] if isinstance(unit[1], str) else "operators")
    found: list[Segment] = []
    clips = clipped(program)
    needed = {*program.outputs, *(state.next for state in program.states)}
    for run in reversed([tuple(its) for _, its in runs]):
        steps, its, (first, *_) = zip(*run, strict=True)
        one = isinstance(its[0], str)
        part, called = (steps, its) if one else with_clips(steps, its, clips)
        written = dict.fromkeys(name for step in part for name in step.outputs)
        read = dict.fromkeys(name for step in part for name in step.inputs if name not in written)
        if one:
            found.append(Segment(its[0], steps[0].inputs, steps[0].outputs))
        else:
            outputs = tuple(name for name in written if name in needed)
            constants = {n: program.constants[n] for n in read if n in program.constants}
            inputs = tuple(name for name in read if name not in constants)
            own = Program(program.chip, program.values, inputs, outputs, part, constants)
            region = module.region(own, f"{prefix}_from_{first}", called)
            found.append(
                Segment(region.symbol, own.inputs, outputs, region.many, region.uses_threads)
            )
        needed |= read.keys()
    return tuple(reversed(found))
