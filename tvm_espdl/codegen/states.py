"""The C of a network's states: one static buffer for each, and the function that resets them.

It prints; where a next state is written is the memory plan's decision.
"""

from __future__ import annotations

from ..program import Program
from ..program.memory import OVER_READ
from .identifiers import comment


def buffer(prefix: str, index: int) -> str:
    """Name of a state's buffer."""
    return f"{prefix}_state_{index}"


def definitions(program: Program, prefix: str) -> str:
    """The buffers; C fills them with zeros before the first run."""
    return "".join(
        f"static ESPDL_ALIGNED(16) uint8_t {buffer(prefix, index)}"
        f"[{program.values[state.value].nbytes + OVER_READ}]; /* {comment(state.value)} */\n"
        for index, state in enumerate(program.states)
    )


def reset_function(program: Program, prefix: str) -> str:
    """The function that fills them with zeros again; nothing without states."""
    if not program.states:
        return ""
    names = [buffer(prefix, index) for index in range(len(program.states))]
    lines = [f"  memset({name}, 0, sizeof {name});" for name in names]
    return "\n".join([f"void {prefix}_reset(void) {{", *lines, "}", ""])


def reset_declaration(program: Program, prefix: str) -> list[str]:
    """Lines of the header for that function; none without states."""
    if not program.states:
        return []
    nbytes = sum(program.values[state.value].nbytes for state in program.states)
    return [
        f"/* The network keeps {nbytes} bytes from one run to the next. Return to the start, where",
        " * it is before the first run. Not while it runs. */",
        f"void {prefix}_reset(void);",
        "",
    ]
