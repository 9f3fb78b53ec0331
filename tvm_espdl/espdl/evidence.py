"""Which chip a file was made for: from its metadata, else from what only some chips' files have.

It names every clue in words, for a wrong chip gives wrong numbers without any error.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..chips import CHIPS, FAMILIES, Chip, find_chip
from ..errors import EspdlWarning, ModelError
from ..onnx_graphs.chip_metadata import CHIP_KEY
from ..ops.base.function import FloatFunction
from ..ops.base.rounding import Array
from ..ops.lut import table_of
from ..ops.relu import Relu
from ..program import reference
from .families.declared import FUNCTIONS, formula_of
from .file import File
from .node_view import NodeView
from .schema import Graph, Model, Tensor
from .steps import Steps
from .to_program import program_of
from .types import Types
from .vectors import arrays_of

METADATA_KEYS = (CHIP_KEY, "target", "chip")
BLOCKED = re.compile(r"C(8|16)(_|$)")
PLAIN = ("NHWC", "HWCN", "NWC", "WCN")
# Of the first parameter that shows it: the families that it leaves, in words.
PARAMETER_CLUES: tuple[tuple[Callable[[Tensor], bool], tuple[str, ...], str], ...] = (
    (
        lambda tensor: BLOCKED.search(tensor.layout) is not None,
        ("pie_v1", "pie_v2"),
        "{0.name!r} has the vector layout {0.layout}",
    ),
    (
        lambda tensor: tensor.layout in PLAIN,
        ("c",),
        "{0.name!r} has the layout {0.layout} without vectors",
    ),
    (
        lambda tensor: len(tensor.exponents) > 1,
        ("pie_v2",),
        "{0.name!r} has {1} exponents, one per channel",
    ),
)
MOST_MACS = 1 << 25


@dataclass(frozen=True)
class Clue:
    """What one thing in the file says, in words: the families (`Chip.family`) that it leaves."""

    families: frozenset[str]
    sentence: str


@dataclass(frozen=True)
class Finding:
    """What a file says about its chip.

    Attributes
    ----------
    chip : Chip or None
        None where the clues leave several families.
    how : str
        `given`, `metadata`, `evidence` or `unknown`.
    clues : tuple of Clue
        In the order they were met.
    candidates : tuple of str
        One chip for each family that is left.
    """

    chip: Chip | None
    how: str
    clues: tuple[Clue, ...]
    candidates: tuple[str, ...]


def find(file: File, given: str | None = None) -> Finding:
    """Find out a file's chip, which the user may have said.

    A file that contradicts the user or itself is refused (`ModelError`), as is a chip that does
    not exist (`ChipError`).
    """
    clues = []
    stated = CHIPS.get(chip_name(file.model))
    if stated is not None:
        clues.append(Clue(frozenset((stated.family,)), f"the metadata name the {stated.name}"))
        if given is None:
            return Finding(stated, "metadata", tuple(clues), (stated.name,))
    clues += _seen(file.model.graph, file.where)
    if given is not None:
        return _given(file, find_chip(given), clues)
    left = _left(file, clues)
    if len(left) > 1:
        clues += _vectors(file, left)
        left = _left(file, clues)
    chips = tuple(FAMILIES[family] for family in left)
    if len(chips) == 1:
        return Finding(find_chip(chips[0]), "evidence", tuple(clues), chips)
    return Finding(None, "unknown", tuple(clues), chips)


def chip_of(file: File, given: str | None = None) -> Chip:
    """The chip of a file: as `find`, and a `ModelError` where the file does not say enough."""
    finding = find(file, given)
    if finding.chip is None:
        raise ModelError(
            "the file does not say which chip it is for, and its numbers depend on it",
            where=file.where,
            found="; ".join(clue.sentence for clue in finding.clues) or "no evidence at all",
            allowed=", ".join(finding.candidates),
            try_=f"chip={finding.candidates[0]!r}, or --target_chip on the command line",
        )
    return finding.chip


def _given(file: File, chip: Chip, clues: list[Clue]) -> Finding:
    against = [clue.sentence for clue in clues if chip.family not in clue.families]
    if against:
        raise ModelError(
            "the file was made for another chip",
            where=file.where,
            found="; ".join(against),
            allowed=", ".join(FAMILIES[family] for family in _left(file, clues)),
            try_=f"the file for the {chip.name}",
        )
    return Finding(chip, "given", tuple(clues), (chip.name,))


def _left(file: File, clues: list[Clue]) -> list[str]:
    left = [family for family in FAMILIES if all(family in clue.families for clue in clues)]
    if not left:
        raise ModelError(
            "the file contradicts itself about its chip",
            where=file.where,
            found="; ".join(clue.sentence for clue in clues),
            try_="export the model again",
        )
    return left


def chip_name(model: Model) -> str:
    """What the metadata name, or ""; ESP-PPQ calls the plain chips `c`."""
    named = next((model.metadata[key] for key in METADATA_KEYS if key in model.metadata), "")
    return FAMILIES.get(named, named)


def _seen(graph: Graph, where: str) -> Iterator[Clue]:
    """Clues of layouts, exponents, bias ranges and tables."""
    for shows, families, sentence in PARAMETER_CLUES:
        tensor = next(filter(shows, graph.initializers.values()), None)
        if tensor is not None:
            yield Clue(frozenset(families), sentence.format(tensor, len(tensor.exponents)))
    yield from _biases(graph)
    yield from _tables(graph, where)


def _biases(graph: Graph) -> Iterator[Clue]:
    for node in graph.nodes:
        name = node.inputs[2] if node.op_type in ("Conv", "Gemm") and len(node.inputs) > 2 else ""
        bias = graph.initializers.get(name)
        bits = {"int32": 20, "int64": 40}.get(bias.dtype) if bias is not None else None
        if bias is None or bits is None or not bias.flat().size:
            continue
        least, most = int(bias.flat().min()), int(bias.flat().max())
        width = max(most.bit_length(), (~least).bit_length()) + 1  # sign included
        if width > bits:
            yield Clue(
                frozenset(("c", "pie_v2")),
                f"bias {name!r} needs {width} bits, more than the {bits} of the ESP32-S3",
            )
            return


def _tables(graph: Graph, where: str) -> Iterator[Clue]:
    """Tables of functions hold the rounding of the chip where a value lies between two."""
    up, even = (find_chip(FAMILIES[family]) for family in ("pie_v1", "pie_v2"))
    types = Types(graph, where)
    for node in graph.nodes:
        name = node.attributes.get("lut")
        if name is None or node.op_type not in FUNCTIONS or name.value not in graph.initializers:
            continue
        view = NodeView(node, graph, types, Steps(up), where)
        x, y = view.tensor(), types.of(view.output())
        operator = formula_of(view, x, y) if (x.dtype, y.dtype) == ("int8", "int8") else None
        stored = view.table()
        if not isinstance(operator, FloatFunction | Relu) or stored is None or stored.size != 256:
            continue
        tables = {chip: _table(operator, chip) for chip in (up, even)}
        ties = int((tables[up] != tables[even]).sum())
        for chip, table in tables.items():
            if ties and (stored == table).all():
                how = chip.rounding.replace("_", " ")
                yield Clue(
                    frozenset(c.family for c in CHIPS.values() if c.rounding == chip.rounding),
                    f"the table of {node.label} rounds {how} in {ties} ties",
                )
                return


def _table(operator: FloatFunction | Relu, chip: Chip) -> Array:
    if isinstance(operator, FloatFunction):
        return table_of(operator, chip)
    return operator.reference(chip, np.arange(-128, 128).astype(np.int8))


def _vectors(file: File, left: list[str]) -> Iterator[Clue]:
    """The stored test outputs, where they come out on some of the chips only."""
    graph = file.model.graph
    inputs = arrays_of(graph.test_inputs)
    outputs = [t for t in graph.test_outputs if t.dtype in ("int8", "int16")]
    if not outputs or set(inputs) != {value.name for value in graph.inputs}:
        return
    agreeing = []
    for family in left:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", EspdlWarning)  # it is the user's network later
                program = program_of(file, find_chip(FAMILIES[family]))
        except ModelError:
            continue
        macs = sum(getattr(step.operator, "macs", 0) for step in program.steps)
        if macs > MOST_MACS or any(
            (str(inputs[n].dtype), inputs[n].shape) != (t.dtype, t.shape)
            for n, t in ((n, program.values[n]) for n in program.inputs)
        ):
            return
        found = reference.outputs(program, inputs)
        if all(
            t.name in found and np.array_equal(found[t.name].ravel(), t.flat()) for t in outputs
        ):
            agreeing.append(family)
    if agreeing and len(agreeing) < len(left):
        names = " and ".join(FAMILIES[family] for family in agreeing)
        yield Clue(frozenset(agreeing), f"the stored test outputs are those of the {names} only")
