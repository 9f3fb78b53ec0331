"""C99 of a lowered function of TIR: loops over pointers, in TIR's own order of evaluation.

It prints what the function says; nothing is lowered or planned here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm import ir, tirx

from .literals import INDENT
from .tir_expressions import Expressions, Unprintable, dtype_of, type_in_c

__all__ = ["CFunction", "Unprintable", "c_function"]


@dataclass(frozen=True)
class CFunction:
    """A function in C."""

    #: `static void <name>(const inputs..., outputs..., workspaces...)`.
    definition: str
    #: Tuple of tirx.Var: the function's own buffers, of which the caller gives the memory.
    workspaces: tuple[Any, ...]


def c_function(function: Any, name: str, inputs: int) -> CFunction:
    """Print a lowered `tvm.tirx.PrimFunc`: flat buffers with static shapes, no vectors, no blocks.

    The first `inputs` of its parameters are only read.

    Raises
    ------
    Unprintable
        If it needs TVM's runtime, or a type that C99 has not.
    """
    body = _Body(function.params)
    body.statement(function.body)
    pointers = (*function.params, *body.workspaces)
    parameters = []
    for position, buffer in enumerate(pointers):
        const = "const " if position < inputs else ""
        parameters.append(f"{const}{type_in_c(buffer.dtype)} *{body.names[buffer]}")
    unused = [f"{INDENT}(void){body.names[p]};" for p in pointers if p not in body.used]
    head = f"static void {name}({', '.join(parameters)}) {{"
    definition = "\n".join([head, *unused, *body.lines, "}", ""])
    return CFunction(definition, tuple(body.workspaces))


class _Body(Expressions):
    """The lines of a function's body, statement by statement."""

    def __init__(self, parameters: Any) -> None:
        super().__init__()
        #: Buffers that the function allocates, in the order of their appearance.
        self.workspaces: list[Any] = []
        self._parameters = set(parameters)
        for buffer in parameters:
            self._buffer(buffer)

    def statement(self, node: Any) -> None:
        """Print a statement."""
        self._values = {}
        match node:
            case tirx.SeqStmt():
                for each in node.seq:
                    self.statement(each)
            case tirx.For():
                self._loop(node)
            case tirx.IfThenElse():
                self._block(f"if ({self.expression(node.condition).text}) {{", node.then_case)
                if node.else_case is not None:
                    self._block("} else {", node.else_case)
                self.emit("}")
            case tirx.BufferStore():
                value = self.expression(node.value)
                self.emit(f"{self.element(node.buffer, node.indices)} = {value.text};")
            case tirx.Bind():
                self.declare(node.var, self.expression(node.value))
            case tirx.AllocBuffer():
                self._workspace(node.buffer)
            case tirx.DeclBuffer():
                self._view(node.buffer, node.data)
            case tirx.AttrStmt() if node.attr_key.startswith("pragma_"):
                self.statement(node.body)
            case tirx.Evaluate():
                self.expression(node.value)  # Only a call could do anything, and no such is known.
            case _:
                raise Unprintable(f"{type(node).__name__} in TIR")

    def _block(self, head: str, body: Any) -> None:
        self.emit(head)
        self._depth += 1
        self.statement(body)
        self._depth -= 1

    def _loop(self, node: Any) -> None:
        """A loop, one turn after the other, whatever else TIR would allow."""
        if node.kind == tirx.ForKind.THREAD_BINDING or node.step is not None:
            raise Unprintable("a loop over threads or in steps")
        if all(isinstance(bound, tirx.IntImm) for bound in (node.min, node.extent)):
            first, end = str(node.min.value), str(node.min.value + node.extent.value)
        else:
            first, count = self.repeatable(node.min), self.repeatable(node.extent)
            end = f"{first} + {count}"
        kind, name = type_in_c(dtype_of(node.loop_var)), self.name(node.loop_var)
        self._block(f"for ({kind} {name} = {first}; {name} < {end}; ++{name}) {{", node.body)
        self.emit("}")

    def _buffer(self, buffer: Any) -> None:
        if not isinstance(buffer.ty, tirx.BufferType):
            raise Unprintable(f"parameter {buffer.name}, which is no buffer")
        self.name(buffer)
        self._memory[buffer] = buffer

    def _workspace(self, buffer: Any) -> None:
        if not all(isinstance(extent, tirx.IntImm) for extent in buffer.shape):
            raise Unprintable(f"buffer {buffer.name} of a size known at run time only")
        self._buffer(buffer)
        self.workspaces.append(buffer)

    def _view(self, buffer: Any, data: Any) -> None:
        """Another name for a buffer's memory, or for its bytes as another type."""
        memory = self._memory.get(data.args[0]) if isinstance(data, ir.Call) else None
        offset = buffer.elem_offset
        if memory is None or not isinstance(offset, tirx.IntImm) or offset.value != 0:
            raise Unprintable(f"buffer {buffer.name} inside another one")
        if str(memory.dtype) == str(buffer.dtype):
            self._memory[buffer] = memory
            return
        if memory in self._parameters:
            raise Unprintable(f"{memory.name} seen as another type")
        kind, first = type_in_c(buffer.dtype), self.names[memory]
        self._buffer(buffer)
        self.emit(f"{kind} *const {self.names[buffer]} = ({kind} *)(void *){first};")
