"""The calls of a network in C: for each step a function, and the line that calls it.

It prints what operators and TVM's own lowered functions say; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..ops import Operator
from ..ops.base.ccall import CCall
from ..program import Program, Step
from ..program.memory import Plan
from .arenas import in_arena
from .constants import Constants
from .header import described
from .identifiers import comment
from .literals import c_type, descriptor_definition
from .native import NativeFunction
from .network_name import NetworkName


class Calls:
    """Functions and calls of the steps, in order; `kernels` collects the calls of kernels.

    `variables` has the C variable of each value, `constants` receives the operators' arrays,
    `called` has the operators' calls and TVM's own functions by step.
    """

    def __init__(
        self,
        program: Program,
        memory: Plan,
        variables: Mapping[str, str],
        constants: Constants,
        *,
        called: Mapping[int, CCall | NativeFunction],
        network: NetworkName,
    ) -> None:
        self.program, self.memory = program, memory
        self.variables, self.constants = variables, constants
        self.called, self.network = called, network
        self.kernels: list[tuple[Operator, CCall]] = []

    def step(self, index: int) -> tuple[str, str]:
        """The function of a step and the line that calls it; both empty where nothing runs."""
        step = self.program.steps[index]
        call = self.called[index]
        if isinstance(call, NativeFunction):
            return call.definition, self._native_call(call, index, step)
        if self.memory.is_alias(step):
            return "", ""
        name = f"{self.network.prefix}_espdl_main_{index}"
        return self._function(name, step, call), self._operator_call(name, index, step, call)

    def _function(self, name: str, step: Step, call: CCall) -> str:
        """One operator: its descriptor, and a function that gives it to the kernel."""
        operator = step.operator
        assert isinstance(operator, Operator)
        self.kernels.append((operator, call))
        names = {
            member: self.constants.add(f"{name}_{member}", array, call.over_read)
            for member, array in call.arrays.items()
        }
        typed = [f"const {c_type(t.dtype)} *x{i}" for i, t in enumerate(operator.inputs)]
        typed.append(f"{c_type(operator.output.dtype)} *y")
        if call.needs.workspace_bytes:
            typed.append("void *workspace")
        parameters = ", ".join(typed)
        arguments = ", ".join([f"&{name}_call", *(p.rpartition("*")[2] for p in typed)])
        code = (
            f"{descriptor_definition(f'{name}_call', call, names)}\n"
            f"static void {name}({parameters}) {{\n  {call.function}({arguments});\n}}\n"
        )
        about = f"{comment(step.outputs[0])}: {operator.name}, {described(operator.output)}"
        return f"/* {about} */\n{self.network.own(code)}"

    def _operator_call(self, name: str, index: int, step: Step, call: CCall) -> str:
        place = self.memory.workspaces[index]
        workspace = [] if place is None else [f"(void *){in_arena(place)}"]
        return self._call(name, step, workspace)

    def _native_call(self, function: NativeFunction, index: int, step: Step) -> str:
        place = self.memory.workspaces[index]
        scratch = [
            f"({c_type(dtype)} *)(void *){in_arena(place, offset)}"
            for dtype, offset in function.workspaces
            if place is not None
        ]
        return self._call(function.name, step, scratch)

    def _call(self, function: str, step: Step, scratch: Sequence[str]) -> str:
        pointers = [self.variables[name] for name in (*step.inputs, *step.outputs)]
        arguments = ", ".join([*pointers, *scratch])
        return f"  {function}({arguments}); /* {comment(step.outputs[0])} */"
