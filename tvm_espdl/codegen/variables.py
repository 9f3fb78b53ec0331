"""The C variables of a network's values: one typed pointer each, to where the memory plan put it.

It prints addresses and the copies between them; where a value lives is the plan's decision.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..program import Program
from ..program.memory import Place, Plan
from .arenas import in_arena
from .identifiers import identifiers
from .literals import c_type
from .network_name import NetworkName


class Variables:
    """Names and addresses of all values; `constants` has the C array of each constant."""

    def __init__(
        self, program: Program, memory: Plan, constants: Mapping[str, str], network: NetworkName
    ) -> None:
        self.network = network
        self.program, self.memory, self.constants = program, memory, constants
        #: Members of the interface's structures.
        self.inputs = identifiers(program.input_names)
        self.outputs = identifiers(program.output_names)
        #: The variable of each value.
        self.names = {
            value: f"tensor_{name}"
            for value, name in zip(program.values, identifiers(program.values), strict=True)
        }

    def parameters(self) -> list[str]:
        """Typed pointers to the caller's buffers."""
        program = self.program
        inputs = zip(self.inputs, program.inputs, strict=True)
        outputs = zip(self.outputs, program.outputs, strict=True)
        return [
            *(f"const {c_type(program.values[v].dtype)} *input_{name}" for name, v in inputs),
            *(f"{c_type(program.values[v].dtype)} *output_{name}" for name, v in outputs),
        ]

    def declarations(self) -> list[str]:
        """A typed pointer for every value that a call reads or writes, and for every input."""
        lines = []
        read = {name for step in self.program.steps for name in (*step.inputs, *step.outputs)}
        for name, tensor in self.program.values.items():
            place = self.memory.places.get(name)
            if place is not None:
                kind = c_type(tensor.dtype)
                const = "const " if place.kind in ("input", "constant") else ""
                source = self._address(place, kind, np.dtype(tensor.dtype).itemsize)
                lines.append(f"  {const}{kind} *const {self.names[name]} = {source};")
                if name not in read:
                    lines.append(f"  (void){self.names[name]};")
        return lines

    def _address(self, place: Place, kind: str, size: int) -> str:
        if place.kind == "constant":
            return self.constants[[*self.program.constants][place.index]]
        if place.kind in ("input", "output"):
            names = self.inputs if place.kind == "input" else self.outputs
            behind = f" + {place.offset // size}" if place.offset else ""
            return f"{place.kind}_{names[place.index]}{behind}"
        if place.kind == "state":
            behind = f" + {place.offset}" if place.offset else ""
            buffer = f"{self.network.state_buffer(place.index)}{behind}"
            return f"({kind} *)(void *){f'({buffer})' if behind else buffer}"
        return f"({kind} *)(void *){in_arena(place)}"

    def copied_outputs(self) -> list[str]:
        """Outputs that live elsewhere: a value that is given twice, or an input given back."""
        lines = []
        for index, name in enumerate(self.program.outputs):
            place = self.memory.places[name]
            if (place.kind, place.index) != ("output", index):
                size = self.program.values[name].nbytes
                source = self.names[name]
                lines.append(f"  memcpy(output_{self.outputs[index]}, {source}, {size});")
        return lines

    def copied_states(self) -> list[str]:
        """Next states that could not be written where the old ones were still read."""
        lines = []
        for index, state in enumerate(self.program.states):
            if self.memory.places[state.next] != Place("state", index):
                size = self.program.values[state.value].nbytes
                target = self.network.state_buffer(index)
                lines.append(f"  memcpy({target}, {self.names[state.next]}, {size});")
        return lines
