"""`<name>_lib1.c`: the function that calls a network's steps in order, and its public entry.

It puts together what calls, variables and states print; nothing is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..files.dump_names import encoded
from ..ops.quantize import Quantize
from ..program import Program, State, Step
from ..program.memory import Plan
from .arenas import (
    arena_declarations,
    arena_name,
    asks_memory,
    psram_attribute,
    psram_bytes,
)
from .calls import Calls
from .header import NOTICE
from .identifiers import comment, string
from .implementations import PORTABLE
from .network_name import NetworkName
from .variables import Variables

_RUNTIME = ("espdl_kernels.h", "tvm_espdl_dump.h", "tvm_espdl_profile.h")


class Network:
    """The C file of a network, from the variables of its values and the calls of its steps."""

    def __init__(
        self,
        program: Program,
        memory: Plan,
        variables: Variables,
        calls: Calls,
        name: NetworkName,
    ) -> None:
        self.program, self.memory, self.variables, self.calls = program, memory, variables, calls
        self.name = name
        self._called = 0

    def text(self, model_id: str) -> str:
        """The whole file."""
        functions, lines = [], []
        for index, step in enumerate(self.program.steps):
            function, call = self.calls.step(index)
            functions += [function] if function else []
            lines += self._timed(index, call) if call else []
            lines.append(self._dump(step.outputs, fed=self._is_fed(step)))
        lines += self.variables.copied_outputs()
        lines += self.variables.copied_states()
        parts = [
            NOTICE + "".join(f'#include "{name}"\n' for name in self._includes()),
            "#include <math.h>\n#include <stdbool.h>\n#include <stddef.h>\n#include <string.h>\n",
            *self._in_psram(),
            arena_declarations(self.memory, self.name),
            self._states(),
            *functions,
            self._main(lines, model_id),
            self._run(),
            self._reset(),
        ]
        return "\n".join(parts)

    def _includes(self) -> list[str]:
        runtime = [self.name.own(name) for name in _RUNTIME]
        return [f"{self.name.prefix}.h", self.name.constants_header, *runtime]

    def _in_psram(self) -> list[str]:
        """What the file needs for arrays in PSRAM; nothing without them."""
        return [psram_attribute("tensors")] if psram_bytes(self.memory) else []

    def _states(self) -> str:
        """The buffers of states; C fills them with zeros before the first run."""
        return "".join(
            f"static {self.name.own('ESPDL_ALIGNED')}(16) uint8_t {self.name.state_buffer(index)}"
            f"[{self._bytes_of(state)}]; "
            f"/* {comment(state.value)} */\n"
            for index, state in enumerate(self.program.states)
        )

    def _bytes_of(self, state: State) -> int:
        """Bytes of a state's buffer, or of the next one's in its place."""
        nbytes = self.program.values[state.value].nbytes
        return max(self.memory.readable_bytes(n, nbytes) for n in (state.value, state.next))

    def _reset(self) -> str:
        """The function that fills them with zeros again; nothing without states."""
        if not self.program.states:
            return ""
        names = [self.name.state_buffer(index) for index in range(len(self.program.states))]
        lines = [f"  memset({name}, 0, sizeof {name});" for name in names]
        return "\n".join([f"void {self.name.prefix}_reset(void) {{", *lines, "}", ""])

    def _timed(self, index: int, call: str) -> list[str]:
        """A call between the lines that count its cycles, where they are to be counted."""
        start, stop = (self.name.own(f"TVM_ESPDL_PROFILE_{word}") for word in ("START", "STOP"))
        name = string(encoded(self.program.steps[index].outputs[0]))
        number = self._called
        self._called += 1
        return [f"  {start}();", call, f"  {stop}({number}, {index}, {name});"]

    def _counted(self, word: str) -> list[str]:
        """What begins or ends the count of all calls; nothing without any."""
        macro = self.name.own(f"TVM_ESPDL_PROFILE_{word}")
        return [f"  {macro}({self._called});"] if self._called else []

    def _is_fed(self, step: Step) -> bool:
        """Whether a step only makes the integers of what enters, which dumps always have whole."""
        entering = (*self.program.inputs, *(state.value for state in self.program.states))
        return isinstance(step.operator, Quantize) and step.inputs[0] in entering

    def _dump(self, names: Sequence[str], *, fed: bool) -> str:
        kind = "FED" if fed else "TENSOR"
        lines = []
        for name in names:
            index = list(self.program.values).index(name)
            tensor = self.program.values[name]
            shape = "x".join(map(str, tensor.shape)) or "1"
            exponent = tensor.exponent if isinstance(tensor.exponent, int) else 0
            pitch = self.memory.pitches.get(name)
            row = tensor.nbytes // math.prod(tensor.shape[:-1]) if pitch else 0
            apart = f", {row}, {pitch}" if pitch else ""
            macro = self.name.own(f"TVM_ESPDL_DUMP_{kind}{'_APART' if pitch else ''}")
            lines.append(
                f"  {macro}({index}, {string(encoded(name))}, "
                f'"{tensor.dtype}", "{shape}", {exponent},\n'
                f"                        {self.variables.names[name]}, {tensor.nbytes}{apart});"
            )
        return "\n".join(lines)

    def _main(self, calls: list[str], model_id: str) -> str:
        entering = (*self.program.inputs, *(state.value for state in self.program.states))
        integers = [n for n in entering if self.program.values[n].exponent is not None]
        parameters = ", ".join(self.variables.parameters())
        dumped = len(integers) + sum(len(step.outputs) for step in self.program.steps)
        lines = [
            f"static void {self.name.prefix}___tvm_main__({parameters}) {{",
            *self.variables.declarations(),
            f"  {self.name.own('TVM_ESPDL_DUMP_BEGIN')}({string(model_id)}, {dumped});",
            *self._counted("BEGIN"),
            *([self._dump(integers, fed=True)] if integers else []),
            *calls,
            *self._counted("DONE"),
            f"  {self.name.own('TVM_ESPDL_DUMP_DONE')}({dumped});",
            "}",
            "",
        ]
        return "\n".join(lines)

    def _given(self) -> str:
        """The check that the caller has given memory; nothing where the arenas are static."""
        if not asks_memory(self.memory):
            return ""
        return f"  if ({arena_name(0)} == NULL) {{\n    return -3;\n  }}\n"

    def _run(self) -> str:
        prefix = self.name.prefix
        members = [f"inputs->{name}" for name in self.variables.inputs]
        members += [f"outputs->{name}" for name in self.variables.outputs]
        missing = " || ".join(f"{member} == NULL" for member in members)
        values = [*self.program.inputs, *self.program.outputs]
        ports = [self.program.values[value] for value in values]
        odd = [
            f"(uintptr_t){member} % sizeof(*{member}) != 0"
            for member, tensor in zip(members, ports, strict=True)
            if np.dtype(tensor.dtype).itemsize > 1
        ]
        of_types = f"  if ({' || '.join(odd)}) {{\n    return -2;\n  }}\n" if odd else ""
        askew = [
            f"(uintptr_t){member} % {self.memory.alignments[value]} != 0"
            for member, value in zip(members, values, strict=True)
            if value in self.memory.alignments
        ]
        aligned = (
            f"#ifndef {PORTABLE}\n  if ({' || '.join(askew)}) {{\n    return -2;\n  }}\n#endif\n"
            if askew
            else ""
        )
        return (
            f"int32_t {prefix}_run(struct {prefix}_inputs *inputs,\n"
            f"            {' ' * len(prefix)} struct {prefix}_outputs *outputs) {{\n"
            f"  if (inputs == NULL || outputs == NULL || {missing}) {{\n    return -1;\n  }}\n"
            f"{of_types}{aligned}{self._given()}{self.calls.constants.loading()}"
            f"  {prefix}___tvm_main__({', '.join(members)});\n  return 0;\n}}\n"
        )
