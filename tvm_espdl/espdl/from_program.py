"""From a program to a `Model`: the file in which ESP-DL's own runtime computes the same bits.

It never looks at Relax. What the runtime cannot run is refused as a whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NoReturn

from ..chips import Chip
from ..errors import ModelError
from ..ops.base.operator import Refusal
from ..ops.base.rounding import Array
from ..program import Native, Program, Step
from ..program.kernels import rules_beyond_espdl
from ..version import __version__
from .draft import Draft, unused
from .edges import Edge, Edges, edges_of
from .families import WRITERS, cache
from .packed_factors import packed_factors
from .schema import Graph, Model
from .schema import Tensor as Stored
from .step_view import StepView

IR_VERSION = 10
OPSET = 18  # whose operators the nodes follow
TOOL = "tvm-espdl"
GRAPH = "main_graph"
NOT_REGISTERED = Refusal(
    "runtime_has_operator",
    "ESP-DL v3.3.9 registers this operator with its runtime.",
    "an operator without a module there",
    "the operators of dl_module_creator.hpp",
    "export_project: the generated C runs it",
)
NOT_OF_ESP_DL = Refusal(
    "operator_is_of_esp_dl",
    "Every part of the network is an operator of ESP-DL.",
    "a function that TVM compiles itself",
    "quantized operators that the report counts as ESP-DL's",
    "export_project: the generated C runs it",
)


def refuse(refusal: Refusal, where: str) -> NoReturn:
    """Refuse a network for the rule that one of its parts breaks: a `ModelError`, always."""
    raise ModelError(
        f"ESP-DL's runtime cannot run a part of the network. The rule: {refusal.sentence}",
        where=where,
        found=refusal.found,
        allowed=refusal.allowed,
        try_=refusal.fix,
    )


def model_of(
    program: Program, *, model_id: str, values: Mapping[str, Array] | None = None
) -> Model:
    """The file of a program, refused where the runtime would not compute the same bits.

    Parameters
    ----------
    model_id : str
        Names exactly this network on exactly this chip.
    values : mapping of str to numpy.ndarray, optional
        Every value of the program in one run, for the test vectors; none are stored without.
    """
    edges = edges_of(program)
    writer = _Writer(program, edges)
    writer.write()
    draft = writer.draft

    def stored(ends: tuple[Edge, ...]) -> tuple[Stored, ...]:
        if values is None:
            return ()
        infos = [(edge, draft.values[edge.name]) for edge in ends]
        return tuple(
            Stored.of(edge.name, values[edge.value], info.shape or (), info.exponents)
            for edge, info in infos
        )

    graph = Graph(
        nodes=tuple(draft.nodes),
        initializers=draft.initializers,
        inputs=tuple(draft.values[edge.name] for edge in edges.inputs),
        outputs=tuple(draft.values[edge.name] for edge in edges.outputs),
        values=draft.values,
        test_inputs=stored(edges.inputs),
        test_outputs=stored(edges.outputs),
        name=GRAPH,
    )
    return Model(
        graph,
        metadata=metadata_of(program.chip, model_id),
        ir_version=IR_VERSION,
        opsets=(("", OPSET),),
        producer_name=TOOL,
        producer_version=__version__,
    )


def metadata_of(chip: Chip, model_id: str) -> dict[str, str]:
    """What every file says about itself."""
    return {
        "model_id": model_id,
        "rounding": chip.rounding,
        "target": chip.name,
        "tool": TOOL,
        "tool_version": __version__,
    }


class _Writer:
    """Writes a program's steps to a draft, under the names of the file."""

    def __init__(self, program: Program, edges: Edges) -> None:
        self.program, self.edges = program, edges
        self.factors, unpacking = packed_factors(program)
        self.caches, cuts = cache.caches_of(program)
        self.left_out = edges.left_out | unpacking | cuts
        self.names = self._names()
        self.draft = Draft(self.names.values())
        self.labels = {node.tensor: node.name for node in program.nodes if node.name}

    def _names(self) -> dict[str, str]:
        """For each value of the program its name in the file; edges have the model's own."""
        ends = (*self.edges.inputs, *self.edges.outputs)
        names = {edge.value: edge.name for edge in ends}
        taken = set(names.values())
        for value in self.program.values:
            if value not in names:
                names[value] = unused(value, taken)
                taken.add(names[value])
        return names

    def write(self) -> None:
        """All of it; the first step that the runtime cannot run is refused."""
        for edge in self.edges.inputs:
            self.draft.add_value(edge.name, self.program.values[edge.value], edge.layout)
        for number, step in enumerate(self.program.steps):
            if number not in self.left_out:
                self._step(number, step)

    def _step(self, number: int, step: Step) -> None:
        operator = step.operator
        if isinstance(operator, Native):
            self._refuse(step, NOT_OF_ESP_DL)
        for broken in rules_beyond_espdl(step):
            (refusal,) = (r for r in operator.refusals(self.program.chip) if r.rule == broken)
            self._refuse(step, refusal)
        writer = WRITERS.get(operator.name)
        if writer is None:
            self._refuse(step, dataclasses.replace(NOT_REGISTERED, found=operator.name))
        output = self.names[step.outputs[0]]
        layout = next((e.layout for e in self.edges.outputs if e.value == step.outputs[0]), "")
        view = StepView(
            chip=self.program.chip,
            draft=self.draft,
            operator=operator,
            inputs=tuple(self.names[value] for value in step.inputs),
            fixed=tuple(self.program.constants.get(name) for name in step.inputs),
            constants=step.constants,
            output=output,
            name=self._label(step),
            packed_factor=self.names.get(self.factors.get(number, ""), ""),
        )
        if number in self.caches:
            kept = self.caches[number]
            cache.write(view, kept, self.names[kept.frames])
        else:
            writer(view)
        self.draft.add_value(output, operator.output, layout)

    def _label(self, step: Step) -> str:
        """The model's name of the node; the first one's where several became one call."""
        named = (*step.covers, *step.outputs)
        return next((self.labels[tensor] for tensor in named if tensor in self.labels), "")

    def _refuse(self, step: Step, refusal: Refusal) -> NoReturn:
        name = self._label(step) or step.outputs[0]
        refuse(refusal, f"node {name!r} ({step.operator.name})")
