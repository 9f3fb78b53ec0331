"""Advice on steps that no vectors compute: conversions at the border, Clips, floats, the end.

Each gain is that of the steps as they are, or against an ordinary operator in their place.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator

from ...ops import Operator
from ...report.text import visible
from ..counting import portable_instructions
from ..evaluation import Figures
from ..work import Work
from .entry import Advice
from .gains import WEIGHTED, gained

#: What stands between the application's floats and the network's integers.
_CONVERSIONS = ("quantize", "dequantize", "transpose")


def of_steps(figures: Figures) -> Iterator[Advice]:
    """Advice on what is not ESP-DL's."""
    yield from _borders(figures)
    yield from _clips(figures)
    yield from _off_esp_dl(figures)
    yield from _tail(figures)


def _borders(figures: Figures) -> Iterator[Advice]:
    """What brings an application's floats into the network, and its integers out of it."""
    program, nodes = figures.program, figures.nodes
    entering, leaving = {*program.inputs}, {*program.outputs}
    for node in nodes:
        if node.operator in ("quantize", "transpose") and entering.issuperset(node.reads):
            entering.update(node.writes)
    for node in reversed(nodes):
        if node.operator in ("dequantize", "transpose") and leaving.issuperset(node.writes):
            leaving.update(node.reads)
    made = entering.difference(program.inputs)
    read = leaving.difference(program.outputs)
    for told, option, there in (
        ("give the network integers", "input_format", [n for n in nodes if n.writes[0] in made]),
        (
            "take integers from the network",
            "output_format",
            [n for n in nodes if {*n.reads} & read],
        ),
    ):
        behind = [
            node for node in there if node.operator in ("quantize", "dequantize", "transpose")
        ]
        if any(node.operator != "transpose" for node in behind):
            yield Advice(
                f"{told} as it holds them, with channels last: nothing has to be converted",
                "the application prepares or reads them so",
                sum(node.milliseconds for node in behind),
                "command",
                f"tvm-espdl export --{option} native",
            )


def _clips(figures: Figures) -> Iterator[Advice]:
    """ReLU6 and its like behind a layer, which a ReLU would cost nothing there."""
    makers = {step.outputs[0]: step.operator for step in figures.program.steps}
    behind = [
        node
        for node in figures.nodes
        if node.operator == "clip"
        and node.milliseconds
        and isinstance(makers.get(node.reads[0]), Operator)
        and makers[node.reads[0]].name in WEIGHTED
    ]
    if behind:
        functions = "a function" if len(behind) == 1 else f"{len(behind)} functions"
        yield Advice(
            f"train with ReLU in place of {functions} like ReLU6: a layer computes "
            "ReLU on its way, a Clip goes over its result once more",
            "wants training",
            sum(node.milliseconds for node in behind),
            "model",
            f"{visible(behind[0].tensor)} and others of its kind",
        )


def _off_esp_dl(figures: Figures) -> Iterator[Advice]:
    """Functions that TVM compiles, and what they would take as operators on integers."""
    for index, node in enumerate(figures.nodes):
        if node.kernel != "tvm" or not figures.counts[index].runs:
            continue
        values = figures.program.values
        elements = max(values[name].size for name in (*node.reads, *node.writes) if name in values)
        work = Work("quantized", "int8", 1, 1, elements, elements)
        counts = dataclasses.replace(
            figures.counts[index],
            instructions=portable_instructions(work, figures.chip).instructions,
        )
        gain = gained(figures, index, counts)
        yield Advice(
            f"quantize {node.operator}, which TVM compiles in float",
            "at most so much: as if it were an ordinary operator on integers",
            gain,
            "model",
            f"{visible(node.tensor)}: see the reasons below, or tvm-espdl check",
        )


def _tail(figures: Figures) -> Iterator[Advice]:
    """The end of the network, where none of ESP-DL's kernels runs any more."""
    nodes = figures.nodes
    last = max((i for i, node in enumerate(nodes) if node.kernel == "esp-dl"), default=None)
    if last is None:
        return
    behind = [node for node in nodes[last + 1 :] if node.milliseconds]
    if len(behind) > 1:
        yield Advice(
            f"cut the model behind {nodes[last].tensor}, and compute the {len(behind)} steps that "
            "follow in the application, where less of them may be needed",
            "the application has to do it",
            sum(node.milliseconds for node in behind),
            "command",
            f"tvm-espdl preprocess --outputs {shlex.quote(visible(nodes[last].tensor))}",
        )
