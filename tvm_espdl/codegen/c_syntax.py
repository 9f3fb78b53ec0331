"""C's operators as TIR needs them: how they bind, and which parentheses compilers ask for."""

from __future__ import annotations

from typing import NamedTuple

from tvm import tirx

# How tightly C binds: an operand that binds less than its operator asks for gets parentheses.
PRIMARY, UNARY, PRODUCT, SUM, SHIFT = 16, 14, 13, 12, 11
COMPARED, EQUAL, BITS, AND, OR, CONDITIONAL = 10, 9, 8, 5, 4, 3


class Text(NamedTuple):
    """An expression in C, and how tightly its outermost operator binds."""

    text: str
    level: int = PRIMARY

    def within(self, level: int) -> str:
        """The expression as an operand, in parentheses where it binds less than `level`."""
        return self.text if self.level >= level else f"({self.text})"


class Operator(NamedTuple):
    """An operator of C, how it binds, and what its operands have to."""

    symbol: str
    level: int
    left: int
    right: int


BINARY = {
    tirx.Add: Operator("+", SUM, SUM, PRODUCT),
    tirx.Sub: Operator("-", SUM, SUM, PRODUCT),
    tirx.Mul: Operator("*", PRODUCT, PRODUCT, UNARY),
    tirx.Div: Operator("/", PRODUCT, PRODUCT, UNARY),
    tirx.Mod: Operator("%", PRODUCT, PRODUCT, UNARY),
    tirx.LShift: Operator("<<", SHIFT, UNARY, UNARY),
    tirx.RShift: Operator(">>", SHIFT, UNARY, UNARY),
    tirx.BitwiseAnd: Operator("&", BITS, UNARY, UNARY),
    tirx.BitwiseXor: Operator("^", BITS, UNARY, UNARY),
    tirx.BitwiseOr: Operator("|", BITS, UNARY, UNARY),
    tirx.LT: Operator("<", COMPARED, SUM, SUM),
    tirx.LE: Operator("<=", COMPARED, SUM, SUM),
    tirx.GT: Operator(">", COMPARED, SUM, SUM),
    tirx.GE: Operator(">=", COMPARED, SUM, SUM),
    tirx.EQ: Operator("==", EQUAL, SUM, SUM),
    tirx.NE: Operator("!=", EQUAL, SUM, SUM),
}
LOGICAL = {
    tirx.And: Operator("&&", AND, AND, EQUAL),
    tirx.Or: Operator("||", OR, EQUAL, EQUAL),
}
