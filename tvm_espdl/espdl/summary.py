"""What stands in a file, as text and as JSON: for people and programs that look before they run.

It reads and counts; nothing is compiled, and a network that cannot be compiled is shown as well.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass

from ..report.text import visible
from .evidence import find
from .families import READERS
from .file import File
from .schema import ValueInfo

WIDTH = 14


@dataclass(frozen=True)
class Value:
    """An input or output.

    Attributes
    ----------
    shape : tuple of int or None
        As the file has it, in its own layout.
    exponent : int or None
        None for floats.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] | None
    exponent: int | None


@dataclass(frozen=True)
class Summary:
    """A model file in brief.

    Attributes
    ----------
    container, format : str
        Magic of the file, and of the model in it.
    model_bytes : int
        Of the model's FlatBuffer.
    chip : str or None
        None where the file does not say.
    chip_from : str
        `given`, `metadata`, `evidence` or `unknown`.
    evidence : tuple of str
        In words.
    candidates : tuple of str
        Chips that it may be for, one of each family.
    operators : dict of str to int
        How many nodes of each type.
    unknown_operators : tuple of str
        Types that this package does not have.
    quantization : dict of str to int
        How many nodes of each `quant_type`.
    parameters, parameter_bytes : int
        Elements and bytes of all constants.
    """

    file: str
    container: str
    format: str
    encrypted: bool
    model_bytes: int
    name: str
    metadata: dict[str, str]
    chip: str | None
    chip_from: str
    evidence: tuple[str, ...]
    candidates: tuple[str, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    operators: dict[str, int]
    unknown_operators: tuple[str, ...]
    quantization: dict[str, int]
    parameters: int
    parameter_bytes: int
    test_inputs: int
    test_outputs: int

    def to_json(self) -> str:
        """The summary as JSON text."""
        return json.dumps(asdict(self), indent=2)

    def __str__(self) -> str:
        encrypted = ", encrypted" if self.encrypted else ""
        container = "" if self.container == self.format else f" in a {self.container} package"
        chip = self.chip or f"unknown: {' or '.join(self.candidates)}"
        lines = [
            ("file", self.file),
            ("format", f"{self.format}{container}{encrypted}, {self.model_bytes} bytes"),
            ("network", self.name or "without a name"),
            *(("metadata", f"{key} = {value}") for key, value in self.metadata.items()),
            ("chip", f"{chip} ({self.chip_from})"),
            *(("", sentence) for sentence in self.evidence),
            *(("input", _described(value)) for value in self.inputs),
            *(("output", _described(value)) for value in self.outputs),
            ("operators", _counted(self.operators)),
            ("quantization", _counted(self.quantization)),
            ("parameters", f"{self.parameters}, {self.parameter_bytes} bytes"),
            ("test vectors", f"{self.test_inputs} inputs, {self.test_outputs} outputs"),
        ]
        if self.unknown_operators:
            lines.append(("not known", ", ".join(self.unknown_operators)))
        return "\n".join(f"{title:<{WIDTH}}{visible(text)}" for title, text in lines)


def summary_of(file: File, chip: str | None = None) -> Summary:
    """The summary of a model, which the user may have said the chip of; as `evidence.find`."""
    model, graph, finding = file.model, file.model.graph, find(file, chip)
    constants = graph.initializers.values()
    operators = Counter(node.op_type for node in graph.nodes)
    given = filter(None, (node.attributes.get("quant_type") for node in graph.nodes))
    kinds = Counter(str(attribute.value) for attribute in given)
    return Summary(
        file=file.where,
        container=file.container,
        format=file.format,
        encrypted=file.encrypted,
        model_bytes=file.nbytes,
        name=graph.name,
        metadata=dict(model.metadata),
        chip=finding.chip.name if finding.chip is not None else None,
        chip_from=finding.how,
        evidence=tuple(clue.sentence for clue in finding.clues),
        candidates=finding.candidates,
        inputs=tuple(_value(v) for v in graph.inputs if v.name not in graph.initializers),
        outputs=tuple(map(_value, graph.outputs)),
        operators=dict(sorted(operators.items())),
        unknown_operators=tuple(sorted(set(operators) - set(READERS))),
        quantization=dict(sorted(kinds.items())),
        parameters=sum(len(tensor.flat()) for tensor in constants),
        parameter_bytes=sum(len(tensor.data) for tensor in constants),
        test_inputs=len(graph.test_inputs),
        test_outputs=len(graph.test_outputs),
    )


def _value(value: ValueInfo) -> Value:
    is_float = value.dtype.startswith("float")
    exponent = None if is_float or not value.exponents else value.exponents[0]
    return Value(value.name, value.dtype, value.shape, exponent)


def _described(value: Value) -> str:
    shape = "no shape" if value.shape is None else "x".join(map(str, value.shape)) or "scalar"
    exponent = "" if value.exponent is None else f", exponent {value.exponent}"
    return f"{value.name}: {value.dtype or 'no type'} {shape}{exponent}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
