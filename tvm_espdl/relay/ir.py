"""Small questions asked of Relax expressions, and the one way in which passes rebuild a function.

It knows Relax only; quantization is `qdq`'s business and operators are `patterns`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tvm
from tvm import ir, relax, tirx
from tvm.ir import Call
from tvm.ir.expr import Constant

from ..ops import Tensor

Rewrite = Callable[[Any, relax.Var, relax.Expr], Any]

_ADDED = 1  # the line in the span of a call that the compiler has added


def op_name(expr: Any) -> str:
    """Name of the Relax operator that `expr` calls, or "" for anything else."""
    if isinstance(expr, Call) and isinstance(expr.op, ir.Op):
        return str(expr.op.name)
    return ""


def is_constant(expr: Any) -> bool:
    """Whether `expr` is a constant tensor."""
    return isinstance(expr, Constant)


def array_of(constant: Any) -> Any:
    """The value of a constant tensor as a NumPy array."""
    return constant.value.numpy()


def shape_of(expr: Any) -> tuple[int, ...]:
    """Static shape of a tensor expression; a `ValueError` where a dimension is not a number."""
    return tensor_of(expr.ty).shape


def dtype_of(expr: Any) -> str:
    """Element type of a tensor expression."""
    return str(getattr(expr.ty.dtype, "dtype", expr.ty.dtype))


def to_last(rank: int) -> tuple[int, ...]:
    """NCHW to NHWC, for any rank."""
    return (0, *range(2, rank), 1)


def to_first(rank: int) -> tuple[int, ...]:
    """NHWC to NCHW, for any rank."""
    return (0, rank - 1, *range(1, rank - 1))


def name_of(expr: Any) -> str:
    """The model's name of the tensor that `expr` computes, or "" where it has none."""
    span = getattr(expr, "span", None)
    return str(span.source_name.name) if span is not None else ""


def named(call: Any, name: str) -> Any:
    """The same call, carrying the model's name of the tensor that it computes."""
    return Call(call.op, call.args, call.attrs, call.ty_args, _span(name))


def named_part(part: Any, name: str) -> Any:
    """The same part of a tuple, carrying the model's name of it."""
    return relax.TupleGetItem(part.tuple_value, part.index, _span(name))


def _span(name: str, line: int = 0) -> Any:
    return ir.Span(ir.SourceName(name), line, line, 0, 0)


def added(call: Any, name: str) -> Any:
    """As `named`, for a call that the compiler has added and no node of the model asked for."""
    return Call(call.op, call.args, call.attrs, call.ty_args, _span(name, _ADDED))


def is_added(expr: Any) -> bool:
    """Whether a call was marked by `added`."""
    span = getattr(expr, "span", None)
    return span is not None and int(span.line) == _ADDED


def bindings_of(function: relax.Function) -> list[relax.VarBinding]:
    """All variable bindings of a function, in order."""
    return [binding for block in function.body.blocks for binding in block.bindings]


def values_of(function: relax.Function) -> dict[relax.Var, relax.Expr]:
    """What each variable of a function is bound to."""
    return {binding.var: binding.value for binding in bindings_of(function)}


def variables_of(value: relax.Expr) -> list[relax.Var]:
    """The variables that an expression reads, once for each time."""
    if isinstance(value, Call):
        return [v for argument in value.args for v in variables_of(argument)]
    if isinstance(value, relax.Tuple):
        return [v for field in value.fields for v in variables_of(field)]
    if isinstance(value, relax.expr.TupleGetItem):
        return variables_of(value.tuple_value)
    return [value] if isinstance(value, relax.Var) else []


def main_of(mod: tvm.IRModule) -> relax.Function:
    """The module's `main`, or its only Relax function that is not private to a pattern."""
    return mod["main"]


def is_plain_dataflow(function: relax.Function) -> bool:
    """Whether a function is one dataflow block of variable bindings, as importers make it."""
    blocks = function.body.blocks
    return (
        len(blocks) == 1
        and isinstance(blocks[0], relax.expr.DataflowBlock)
        and all(isinstance(binding, relax.expr.VarBinding) for binding in blocks[0].bindings)
    )


def variable_name(tensor: str) -> str:
    """What Relax calls a tensor: not `main`, which TVM's function would lose its own name to."""
    return f"{tensor}_" if tensor == "main" else tensor


class Rebuilder:
    """Emits `main` anew, binding by binding, beside the original; other functions are kept."""

    def __init__(self, mod: tvm.IRModule) -> None:
        self.mod = mod
        others = {v: f for v, f in mod.functions.items() if v.name_hint != "main"}
        self.builder = relax.BlockBuilder(tvm.IRModule(others, attrs=mod.attrs))
        self.replaced: dict[Any, Any] = {}

    def expr(self, old: Any) -> Any:
        """What an expression of the original has become."""
        if isinstance(old, relax.Var):
            return self.replaced.get(old, old)
        if isinstance(old, relax.Tuple):
            return relax.Tuple([self.expr(field) for field in old.fields])
        if isinstance(old, relax.expr.TupleGetItem):
            return relax.TupleGetItem(self.expr(old.tuple_value), old.index)
        if isinstance(old, Call):
            return Call(old.op, [self.expr(a) for a in old.args], old.attrs, old.ty_args, old.span)
        return old

    def emit(self, value: Any, name: str = "") -> Any:
        """Bind a value to a new variable."""
        return self.builder.emit(value, variable_name(name))

    def run(self, function: relax.Function, rewrite: Rewrite) -> tvm.IRModule:
        """Rebuild `main`.

        `rewrite(self, variable, value)` returns the variable or expression that stands for the
        old variable from now on; `None` means that it has recorded what to do itself.
        """

        def result() -> Any:
            for binding in bindings_of(function):
                if isinstance(binding.value, relax.Var):
                    self.replaced[binding.var] = self.expr(binding.value)
                    continue
                new = rewrite(self, binding.var, binding.value)
                if new is not None:
                    self.replaced[binding.var] = new
            return self.expr(function.body.body)

        rebuilt = with_main(self.builder, function.params, result)
        rebuilt["main"] = rebuilt["main"].with_attrs(attributes(function))
        return rebuilt


def with_main(
    builder: relax.BlockBuilder,
    parameters: Iterable[Any],
    result: Callable[[], Any],
    **options: Any,
) -> tvm.IRModule:
    """What a builder holds, with a `main` of one dataflow block: `result` emits it, and ends it."""
    with builder.function("main", params=list(parameters), **options):
        with builder.dataflow():
            output = builder.emit_output(result())
        builder.emit_func_output(output)
    return builder.get()


def type_of(tensor: Tensor) -> relax.TensorType:
    """The type of a tensor in Relax, which knows no exponents."""
    return relax.TensorType(tensor.shape, tensor.dtype)


def tensor_of(ty: relax.TensorType) -> Tensor:
    """The inverse of `type_of`; a `ValueError` where a dimension is not a number."""
    if ty.shape is None:
        raise ValueError("a shape is unknown")
    if not all(isinstance(extent, (int, tirx.IntImm)) for extent in ty.shape):
        raise ValueError("a dimension is unknown")
    return Tensor(str(getattr(ty.dtype, "dtype", ty.dtype)), tuple(map(int, ty.shape)))


def attributes(function: ir.BaseFunc) -> Mapping[str, Any]:
    """Attributes of a function, empty where it has none."""
    return dict(function.attrs.items()) if function.attrs is not None else {}
