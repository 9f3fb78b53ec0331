"""C99 of TIR's expressions: every constant exact to the bit, nothing evaluated that TIR would not.

A construct that it does not know is an error: no text of it can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import ir, tirx

from .c_syntax import BINARY, CONDITIONAL, EQUAL, LOGICAL, OR, PRIMARY, SUM, UNARY, Text
from .identifiers import Identifiers
from .literals import INDENT, c_type, c_types, float_literal, integer_literal

_MATH = frozenset(
    [
        *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "sin"),
        *("sinh", "tan", "tanh", "erf", "erfc", "exp", "exp2", "expm1", "log", "log10", "log1p"),
        *("log2", "pow", "sqrt", "hypot", "ceil", "floor", "nearbyint", "rint", "round", "trunc"),
        *("copysign", "fabs", "fmod"),
    ]
)
_CALLED = _MATH | {f"{name}f" for name in _MATH}
_NARROW = ("int8", "uint8", "int16", "uint16")
# Types to compute in where C leaves open what comes out: of a negative number or too large an int.
_UNSIGNED = {
    tirx.LShift: {**dict.fromkeys((*_NARROW, "int32"), "uint32_t"), "int64": "uint64_t"},
    tirx.Mul: {"uint16": "uint32_t"},
}


class Unprintable(ValueError):
    """A function that has no C of this kind; the message names what stands in the way."""


_Lines = list[str]


def type_in_c(dtype: Any) -> str:
    """The C type of a dtype.

    Raises
    ------
    Unprintable
        If C99 has none.
    """
    try:
        return c_type(str(dtype))
    except ValueError as error:
        raise Unprintable(f"values of type {dtype}") from error


def dtype_of(expression: Any) -> str:
    """The dtype of an expression that is no buffer."""
    return str(expression.ty.dtype)


class Expressions:
    """Expressions, and the lines that declare what they need."""

    def __init__(self) -> None:
        #: What is printed so far.
        self.lines: _Lines = []
        #: Variables and buffers in C, by their `tirx.Var`.
        self.names: dict[Any, str] = {}
        #: Buffers that are read or written.
        self.used: set[Any] = set()
        self._identifiers = Identifiers(_CALLED | {*c_types(), "NAN", "INFINITY", "arena"})
        self._memory: dict[Any, Any] = {}
        #: Variables of the statement being printed, by what they hold.
        self._values: dict[tuple[str, str], str] = {}
        self._depth = 1

    def emit(self, line: str) -> None:
        """Print a line."""
        self.lines.append(f"{INDENT * self._depth}{line}")

    def name(self, variable: Any) -> str:
        """Give a variable or a buffer its name."""
        self.names[variable] = self._identifiers.unique(str(variable.name))
        return self.names[variable]

    def declare(self, variable: Any, value: Text) -> str:
        """Print a variable with its value."""
        kind, name = type_in_c(dtype_of(variable)), self.name(variable)
        self.emit(f"const {kind} {name} = {value.text};")
        return name

    def element(self, buffer: Any, indices: Any) -> str:
        """An element of a buffer, to be read or written."""
        if buffer not in self._memory or len(indices) != 1:
            raise Unprintable(f"an element of {buffer.name}")
        memory = self._memory[buffer]
        self.used.add(memory)
        return f"{self.names[memory]}[{self.expression(indices[0]).text}]"

    def repeatable(self, node: Any) -> str:
        """An expression that may stand twice: a variable takes what is not cheap."""
        text = self.expression(node)
        cheap = (tirx.Var, tirx.IntImm, tirx.FloatImm)
        element = isinstance(node, ir.TensorLoad) and isinstance(node.indices[0], cheap)
        if element or isinstance(node, cheap):
            return text.text
        value = (dtype_of(node), text.text)
        if value not in self._values:
            self._values[value] = self.declare(tirx.Var("value", dtype_of(node)), text)
        return self._values[value]

    def expression(self, node: Any) -> Text:
        """Print an expression; the variables that it needs become lines in front of it."""
        if type(node) in BINARY:
            return self._binary(node)
        prints = _PRINTS.get(type(node))
        if prints is None:
            raise Unprintable(f"{type(node).__name__} in TIR")
        return prints(self, node)

    def _constant(self, node: Any) -> Text:
        kind = dtype_of(node)
        type_in_c(kind)
        literal = integer_literal if isinstance(node, tirx.IntImm) else float_literal
        text = literal(node.value, kind)
        return Text(text, UNARY if text.startswith(("-", "(")) else PRIMARY)

    def _extremum(self, node: Any) -> Text:
        symbol = ">" if isinstance(node, tirx.Max) else "<"
        a, b = self.repeatable(node.a), self.repeatable(node.b)
        return Text(f"{a} {symbol} {b} ? {a} : {b}", CONDITIONAL)

    def _let(self, node: Any) -> Text:
        self.declare(node.var, self.expression(node.value))
        return self.expression(node.body)

    def _binary(self, node: Any) -> Text:
        kind, operator = dtype_of(node), BINARY[type(node)]
        left, right = self.expression(node.a), self.expression(node.b)
        if isinstance(node, tirx.Mod) and kind.startswith("float"):
            return Text(f"{_math('fmod', kind)}({left.text}, {right.text})")
        a, b = left.within(operator.left), right.within(operator.right)
        unsigned = _UNSIGNED.get(type(node), {}).get(kind)
        if unsigned:
            a = f"({unsigned}){left.within(UNARY)}"
            return Text(f"({type_in_c(kind)})({a} {operator.symbol} {b})", UNARY)
        text = Text(f"{a} {operator.symbol} {b}", operator.level)
        # C computes on int whatever is narrower; TIR stays in the type, and wraps.
        return Text(f"({type_in_c(kind)})({text.text})", UNARY) if kind in _NARROW else text

    def _inverted(self, node: Any) -> Text:
        kind, text = dtype_of(node), f"~{self.expression(node.a).within(UNARY)}"
        return Text(f"({type_in_c(kind)})({text})" if kind in _NARROW else text, UNARY)

    def _apart(self, node: Any) -> tuple[Text, _Lines]:
        """An expression, and the lines that it needs, to be printed where it is evaluated."""
        before, values = self.lines, self._values
        self.lines, self._values, self._depth = [], dict(values), self._depth + 1
        text, lines = self.expression(node), self.lines
        self.lines, self._values, self._depth = before, values, self._depth - 1
        return text, lines

    def _logical(self, node: Any) -> Text:
        operator = LOGICAL[type(node)]
        left, (right, lines) = self.expression(node.a), self._apart(node.b)
        if not lines:
            a, b = left.within(operator.left), right.within(operator.right)
            return Text(f"{a} {operator.symbol} {b}", operator.level)
        if isinstance(node, tirx.And):
            return self._branches("bool", left, (right, lines), (Text("false"), []))
        return self._branches("bool", left, (Text("true"), []), (right, lines))

    def _choice(self, node: Any, condition: Any, true: Any, false: Any) -> Text:
        """One of two values; the other one is not evaluated."""
        test = self.expression(condition)
        chosen, other = self._apart(true), self._apart(false)
        if chosen[1] or other[1]:
            return self._branches(type_in_c(dtype_of(node)), test, chosen, other)
        texts = [each.within(OR) for each in (test, chosen[0], other[0])]
        return Text(f"{texts[0]} ? {texts[1]} : {texts[2]}", CONDITIONAL)

    def _branches(
        self, kind: str, test: Text, true: tuple[Text, _Lines], false: tuple[Text, _Lines]
    ) -> Text:
        name = self._identifiers.unique("chosen")
        self.emit(f"{kind} {name};")
        for head, (value, lines) in ((f"if ({test.text}) {{", true), ("} else {", false)):
            self.emit(head)
            self.lines += lines
            self.emit(f"{INDENT}{name} = {value.text};")
        self.emit("}")
        return Text(name)

    def _cast(self, node: Any) -> Text:
        kind, value = dtype_of(node), self.expression(node.value)
        if kind == "bool":
            return Text(f"{value.within(SUM)} != 0", EQUAL)
        return Text(f"({type_in_c(kind)}){value.within(UNARY)}", UNARY)

    def _call(self, node: Any) -> Text:
        name, arguments = str(node.op.name), list(node.args)
        if name == "prim.if_then_else":
            return self._choice(node, *arguments)
        if name == "tirx.isnan":
            value = self.repeatable(arguments[0])
            return Text(f"{value} != {value}", EQUAL)
        if name == "tirx.call_pure_extern":
            function = str(arguments.pop(0).value)
        else:
            function = _math(name.removeprefix("tirx."), dtype_of(node))
        if function not in _CALLED:
            packed = arguments and isinstance(arguments[0], ir.StringImm)
            raise Unprintable(f"calls of TVM's runtime: {arguments[0].value if packed else name}")
        return Text(f"{function}({', '.join(self.expression(each).text for each in arguments)})")


_PRINTS: dict[Any, Callable[[Expressions, Any], Text]] = {
    tirx.Var: lambda this, node: Text(this.names[node]),
    **dict.fromkeys((tirx.IntImm, tirx.FloatImm), Expressions._constant),
    ir.TensorLoad: lambda this, node: Text(this.element(node.source, node.indices)),
    **dict.fromkeys((tirx.Max, tirx.Min), Expressions._extremum),
    **dict.fromkeys((tirx.And, tirx.Or), Expressions._logical),
    tirx.Not: lambda this, node: Text(f"!{this.expression(node.a).within(UNARY)}", UNARY),
    tirx.BitwiseNot: Expressions._inverted,
    tirx.Let: Expressions._let,
    tirx.Select: lambda this, node: this._choice(
        node, node.condition, node.true_value, node.false_value
    ),
    tirx.Cast: Expressions._cast,
    ir.Call: Expressions._call,
}


def _math(name: str, dtype: str) -> str:
    """The function of math.h for a type; bool ones have none."""
    return {"float32": f"{name}f", "float64": name}.get(dtype, "")
