"""One golden case in C: the descriptor of its call, and a function that makes the call.

The program of the C engine and the firmware for boards are made of them; where inputs, constants
and the workspace lie is up to these.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..codegen.literals import descriptor_definition
from ..ops import Operator
from ..ops.base.ccall import CCall

#: What a case's function takes: a pointer to each input in the operator's order, and the output.
PARAMETERS = "const void *const *inputs, void *output"


def case_definition(
    number: int, operator: Operator, call: CCall, arrays: Mapping[str, str], workspace: str
) -> str:
    """The descriptor `descriptor_<number>` and the function `case_<number>`.

    Parameters
    ----------
    arrays : mapping of str to str
        The address of each constant array in C, by the member of the descriptor.
    workspace : str
        Address of the memory that the kernel may work in; for kernels without any it is not read.
    """
    given = [f"inputs[{index}]" for index in range(len(operator.inputs))]
    arguments = [f"&descriptor_{number}", *given, "output"]
    if call.needs.workspace_bytes:
        arguments.append(workspace)
    return "\n".join(
        [
            descriptor_definition(f"descriptor_{number}", call, arrays),
            f"static void case_{number}({PARAMETERS}) {{\n"
            f"  {call.function}({', '.join(arguments)});\n}}\n",
        ]
    )
