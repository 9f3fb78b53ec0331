"""Sums and products that an exporter has spelled out, as polynomials: equal ones are one formula.

Must never decide what a formula is; `rewrite_functions` compares.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from ..onnx_graphs.graph import STANDARD, Graph
from ..onnx_graphs.rewriting import scalar

#: Coefficients by monomial: for each symbol in order its power.
Polynomial = Mapping[tuple[int, ...], float]

# Exporters write constants with more or fewer digits.
_TOLERANCE = 1e-4
_MOST_TERMS = 16
_HIGHEST_POWER = 4


def polynomial(name: str, symbols: tuple[str, ...], graph: Graph) -> Polynomial | None:
    """What a tensor is as a polynomial of others of its own shape; None where it is none.

    Parameters
    ----------
    symbols : tuple of str
        Tensors that are not looked behind.
    """
    if name in symbols:
        return {tuple(int(symbol == name) for symbol in symbols): 1.0}
    constant = scalar(name, graph)
    if constant is not None:
        return {(0,) * len(symbols): constant} if math.isfinite(constant) else None
    node = graph.maker(name)
    if node is None or node.domain not in STANDARD:
        return None
    if node.op_type not in ("Add", "Sub", "Mul", "Div", "Neg", "Pow", "Identity"):
        return None
    operands = [polynomial(operand, symbols, graph) for operand in node.input]
    if any(operand is None for operand in operands):
        return None
    return _combined(node.op_type, [operand for operand in operands if operand is not None])


def arithmetic_behind(name: str, graph: Graph) -> list[str]:
    """The tensors that a tensor is computed from by sums and products, nearest first."""
    found = [name]
    for tensor in found:
        node = graph.maker(tensor)
        if node is not None and node.op_type in ("Add", "Sub", "Mul", "Div", "Neg", "Pow"):
            found += [n for n in node.input if scalar(n, graph) is None and n not in found]
        if len(found) > _MOST_TERMS:
            break
    return found


def alike(found: Polynomial | None, wanted: Polynomial) -> bool:
    """Whether two polynomials are the same but for a few digits of their coefficients."""
    if found is None:
        return False
    kept = {key: value for key, value in found.items() if value}
    return kept.keys() == wanted.keys() and all(
        math.isclose(kept[key], value, rel_tol=_TOLERANCE) for key, value in wanted.items()
    )


def _combined(operator: str, operands: list[Polynomial]) -> Polynomial | None:
    first, second = operands[0], operands[-1]
    constant = _constant(second)
    if operator in ("Add", "Sub"):
        return _sum(first, _times(second, -1.0 if operator == "Sub" else 1.0))
    if operator == "Div":
        return _times(first, 1.0 / constant) if constant else None
    if operator == "Pow":
        known = constant in range(1, _HIGHEST_POWER + 1)
        return _power(first, int(constant)) if constant is not None and known else None
    if operator == "Mul":
        return _product(first, second)
    return _times(first, -1.0 if operator == "Neg" else 1.0)


def _power(base: Polynomial, exponent: int) -> Polynomial | None:
    result: Polynomial | None = base
    for _ in range(exponent - 1):
        result = None if result is None else _product(result, base)
    return result


def _constant(found: Polynomial) -> float | None:
    return next(iter(found.values())) if len(found) == 1 and not any(next(iter(found))) else None


def _times(found: Polynomial, factor: float) -> Polynomial:
    return {key: value * factor for key, value in found.items()}


def _sum(a: Polynomial, b: Polynomial) -> Polynomial | None:
    result = {key: a.get(key, 0.0) + b.get(key, 0.0) for key in (*a, *b)}
    return result if len(result) <= _MOST_TERMS else None


def _product(a: Polynomial, b: Polynomial) -> Polynomial | None:
    if len(a) * len(b) > _MOST_TERMS:
        return None
    result: dict[tuple[int, ...], float] = {}
    for one, factor in a.items():
        for other, further in b.items():
            key = tuple(x + y for x, y in zip(one, other, strict=True))
            result[key] = result.get(key, 0.0) + factor * further
    return result if _bounded(result) else None


def _bounded(keys: Collection[tuple[int, ...]]) -> bool:
    return max((sum(key) for key in keys), default=0) <= _HIGHEST_POWER
