"""From a model's file to a program: what its nodes compute on one chip, constants unpacked.

Source of what a node means: ESP-DL `dl/module/include/dl_module_*.hpp`, `deserialize`. What the
chip ignores in a node is ignored here, too: its bits are the truth.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from ..chips import Chip
from ..errors import EspdlError, ModelError
from ..program import Node as ProgramNode
from ..program import Program
from .families import READERS
from .file import File
from .node_content import NotOnEspdl
from .node_view import NodeView
from .steps import Steps
from .types import Types

# Nodes of a model's edges, which no report names.
SILENT = ("QuantizeLinear", "DequantizeLinear")

# Adds the steps of a node that a reader has left, or raises what it is given.
Instead = Callable[[NodeView, NotOnEspdl], None]


def program_of(
    file: File, chip: Chip, *, instead: Instead | None = None, apart: bool = True
) -> Program:
    """What a model computes on a chip, under the names and in the layouts of the file.

    Functions of floats, which no operator computes, are `Native` steps whose function is a
    `FloatCall`.

    Parameters
    ----------
    instead : callable, optional
        What becomes of nodes that neither ESP-DL nor kernels of this package run; without it, they
        are refused.
    apart : bool
        Whether operators that the chip does not run become several that it runs; else they are
        refused.

    Raises
    ------
    ModelError
        For nodes that ESP-DL or this package does not have, or that contradict their tensors.
    """
    graph = file.model.graph
    types, steps = Types(graph, file.where), Steps(chip)
    for value in graph.inputs:
        if value.name not in graph.initializers:  # old exporters list both
            steps.add_input(value.name, types.of(value.name))
    for node in graph.nodes:
        view = NodeView(node, graph, types, steps, file.where, apart)
        begin = steps.mark()
        try:
            _read(view)
        except NotOnEspdl as left:
            if instead is None:
                raise
            steps.cut(begin)
            instead(view, left)
    outputs = tuple(value.name for value in graph.outputs)
    missing = [name for name in outputs if name not in steps]
    if missing or not outputs or not steps:
        raise ModelError(
            "an output is never computed" if len(steps) else "the network has no nodes",
            where=file.where,
            found=", ".join(missing) or None,
            try_="export the model again",
        )
    nodes = [
        ProgramNode(node.name or node.first_output, node.op_type, node.first_output)
        for node in graph.nodes
        if node.op_type not in SILENT
    ]
    return steps.program(outputs, nodes)


def _read(view: NodeView) -> None:
    """Add the steps of a node, which its operator may refuse."""
    node = view.node
    reader = READERS.get(node.op_type)
    if reader is None and "lut" in node.attributes and view.apart:
        view.warn("ESP-DL has no such operator. Here its table is a LUT, which ESP-DL has.")
        reader = READERS["LUT"]
    if reader is None:
        near = difflib.get_close_matches(node.op_type, READERS, n=1)
        view.leave(
            "no operator of this package",
            found=node.op_type,
            allowed=", ".join(sorted(READERS)),
            try_=f"{near[0]}?" if near else "replace it in the model",
        )
    try:
        reader(view)
    except EspdlError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # Contradictions within a node that no rule has a sentence for.
        raise ModelError(
            "the node contradicts its tensors",
            where=f"{view.where}, {node.label}",
            found=str(error) or type(error).__name__,
            try_="export the model again",
        ) from error
