"""What the passes of this folder ask of a function, and the calls that they emit.

It knows quantize and dequantize, never an operator.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import tvm
from tvm import relax

from ....ops import Tensor
from ... import ir, qdq
from ..canonicalize import canonicalize

# Operators whose results are rounded once: what is fused with them changes no bit.
CONVOLUTIONS = ("relax.nn.conv1d", "relax.nn.conv2d")
MATMUL = "relax.matmul"
ADD = "relax.add"
RELU = "relax.nn.relu"


class Graph:
    """The values of a function's variables and who reads them, found when first asked for."""

    def __init__(self, function: relax.Function) -> None:
        self._function = function

    @cached_property
    def values(self) -> dict[Any, Any]:
        """What each variable is bound to."""
        return ir.values_of(self._function)

    @cached_property
    def readers(self) -> dict[Any, list[Any]]:
        """The bindings that read each variable, once for each time; none for others."""
        readers: dict[Any, list[Any]] = defaultdict(list)
        for binding in ir.bindings_of(self._function):
            for variable in ir.variables_of(binding.value):
                readers[variable].append(binding)
        return readers

    @cached_property
    def outputs(self) -> set[Any]:
        """The variables that leave the function, and the one that holds them together."""
        result = self._function.body.body
        return set(ir.variables_of(self.values.get(result, result))) | {result}

    def value(self, expr: Any) -> Any:
        """The call that a variable is bound to, through plain renamings."""
        while expr in self.values:
            expr = self.values[expr]
        return expr

    def unshaped(self, expr: Any) -> Any:
        """As `value`, through a reshape."""
        value = self.value(expr)
        return self.value(value.args[0]) if ir.op_name(value) == "relax.reshape" else value

    def call(self, expr: Any, *names: str) -> Any:
        """The call of one of the named operators that `expr` is, or None."""
        value = self.value(expr)
        return value if ir.op_name(value) in names else None

    def dequantized(self, expr: Any) -> Any:
        """The dequantize call of an activation with one exponent that `expr` is, or None."""
        value = self.call(expr, qdq.DEQUANTIZE)
        if value is None or qdq.quantized_dtype(value) not in qdq.ACTIVATION_DTYPES:
            return None
        return value if isinstance(qdq.exponent_of(value), int) else None

    def weights(self, expr: Any) -> Any:
        """The dequantize call of a constant that `expr` is, or None."""
        value = self.call(expr, qdq.DEQUANTIZE)
        return value if value is not None and ir.is_constant(self.value(value.args[0])) else None

    def only_reader(self, variable: relax.Var) -> Any:
        """The binding of the one call that reads a variable; None where more do, or an output."""
        readers = self.readers[variable]
        return readers[0] if len(readers) == 1 and variable not in self.outputs else None

    def is_rounded_once(self, expr: Any) -> bool:
        """Whether `expr` is a product with weights, its bias, or a sum of two activations."""
        value = self.call(expr, ADD, MATMUL, *CONVOLUTIONS)
        if value is None:
            return False
        if ir.op_name(value) == ADD:
            product = any(self.call(a, MATMUL, *CONVOLUTIONS) is not None for a in value.args)
            return product or all(self.dequantized(a) is not None for a in value.args)
        factors = (self.call(a, qdq.DEQUANTIZE, "relax.permute_dims") for a in value.args)
        return all(factor is not None for factor in factors)


class Site:
    """A binding that a form may rewrite, and the function that is written in place of its own."""

    def __init__(
        self, mod: tvm.IRModule, graph: Graph, binding: Any, writer: ir.Rebuilder | None = None
    ) -> None:
        self.mod, self.graph, self._given = mod, graph, writer
        self.variable, self.value = binding

    @property
    def _writer(self) -> ir.Rebuilder:
        if self._given is None:
            raise _Touched
        return self._given

    def expr(self, old: Any) -> Any:
        """What an expression of the original has become."""
        return self._writer.expr(old)

    def emit(self, call: Any, name: str = "", *, like: Any = None) -> Any:
        """Bind a call to a new variable; `like` is a call whose model's name it takes over."""
        return self._writer.emit(call if like is None else ir.named(call, ir.name_of(like)), name)

    def result(self, call: Any) -> Any:
        """Emit what stands for the binding from now on, under its names."""
        return self.emit(call, str(self.variable.name), like=self.value)

    def kept(self) -> Any:
        """Emit the binding as it is."""
        return self.emit(self.expr(self.value), str(self.variable.name))

    def quantized(
        self, value: Any, like: Any, name: str | None = None, *, by_compiler: bool = False
    ) -> Any:
        """Emit a quantize of `value` with the scale of `like`, under its name or another one."""
        dtype = qdq.quantized_dtype(like)
        call = relax.op.quantize(value, *like.args[1:], axis=-1, out_dtype=dtype)
        name = ir.name_of(like) if name is None else name
        mark = ir.added if by_compiler else ir.named
        return self.emit(mark(call, name) if name or by_compiler else call, name)

    def dequantized(self, value: Any, like: Any) -> Any:
        """Emit a dequantize of `value` with the scale of `like`."""
        return self.emit(relax.op.dequantize(value, *like.args[1:], axis=-1))


def form(*names: str) -> Callable[[Callable[..., Any]], Callable[..., tvm.IRModule]]:
    """Make a pass of a function that rewrites one call of these operators, or returns None."""

    def pass_of(rewrite: Callable[..., Any]) -> Callable[..., tvm.IRModule]:
        @functools.wraps(rewrite)
        def run(mod: tvm.IRModule, *options: Any) -> tvm.IRModule:
            graph = Graph(ir.main_of(mod))
            if not any(ir.op_name(value) in names for value in graph.values.values()):
                return mod

            def of_these(site: Site) -> Any:
                return rewrite(site, *options) if ir.op_name(site.value) in names else None

            return rewritten(mod, graph, of_these)

        return run

    return pass_of


def rewritten(mod: tvm.IRModule, graph: Graph, rewrite: Callable[[Site], Any]) -> tvm.IRModule:
    """`main`, whose graph it is, rebuilt by `rewrite`, canonical again.

    Where `rewrite` returns None, the binding is kept as it is; where it always does, the module.
    It may be called twice for the same binding: what it remembers must not depend on that.
    """
    changed = False

    def step(rebuilder: ir.Rebuilder, variable: relax.Var, value: relax.Expr) -> Any:
        nonlocal changed
        site = Site(mod, graph, (variable, value), rebuilder)
        new = rewrite(site)
        changed = changed or new is not None
        return site.kept() if new is None else new

    if not _changes(mod, graph, rewrite):
        return mod
    rebuilt = ir.Rebuilder(mod).run(ir.main_of(mod), step)
    return canonicalize(rebuilt) if changed else mod


class _Touched(Exception):
    """A rewrite wants to rebuild something."""


def _changes(mod: tvm.IRModule, graph: Graph, rewrite: Callable[[Site], Any]) -> bool:
    """Whether `rewrite` may change anything; nothing is rebuilt until it wants to: that is slow."""
    try:
        return any(rewrite(Site(mod, graph, bound)) is not None for bound in graph.values.items())
    except _Touched:
        return True


def same_quantization(one: Any, other: Any) -> bool:
    """Whether two quantize or dequantize calls have one type and one exponent."""
    exponent = qdq.exponent_of(one)
    return (
        isinstance(exponent, int)
        and exponent == qdq.exponent_of(other)
        and qdq.quantized_dtype(one) == qdq.quantized_dtype(other)
    )


def dequantized_constant(array: Any, tensor: Tensor, axis: int = 0) -> Any:
    """A dequantize call of integers, with one exponent or one for each index of an axis."""
    exponents = np.array(tensor.exponent)
    scale = np.ldexp(np.float32(1), exponents).astype(np.float32)
    zero = np.zeros(exponents.shape, "int8" if tensor.dtype == "int8" else tensor.dtype)
    constant = relax.const(array, tensor.dtype)
    return relax.op.dequantize(constant, relax.const(scale), relax.const(zero), axis=axis)
