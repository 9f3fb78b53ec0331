"""A vector of bytes looked up in a table of 256, by the instructions of CPUs, as data.

A path is a few instructions without a branch; what a table means is never known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tvm import tirx
from tvm.target import Target
from tvm.target.codegen import target_has_features
from tvm.tirx.script import builder as T

from ...ops.base.rounding import Array
from .cpu import architecture
from .kernel import Buffer, Expression

ROW = 16  # bytes in which a shuffle looks up


@dataclass(frozen=True)
class Lookup:
    """One way to look up bytes.

    Attributes
    ----------
    architecture, feature : str
        Of the CPUs that have it: as `cpu.architecture` says, and what LLVM calls the feature.
    lanes : int
        Bytes that are looked up at once.
    name : str
        LLVM's name of the instruction.
    """

    architecture: str
    feature: str
    lanes: int
    name: str

    def packed(self, table: Array) -> Array:
        """The table as `emit` reads it: int8, for -128 first."""
        return table

    def emit(self, values: Expression, table: Buffer) -> Expression:
        """Emit the lookup of a vector of int8; the results."""
        raise NotImplementedError

    def _repeated(self, value: int) -> Expression:
        return tirx.Broadcast(tirx.const(value, "int8"), self.lanes)

    def _called(self, *arguments: Expression) -> Expression:
        return T.Bind(T.call_llvm_pure_intrin(f"int8x{self.lanes}", self.name, *arguments))


class Permutes(Lookup):
    """Each half of the table, in two registers, by the lower 7 bits; then one by the sign."""

    def emit(self, values: Expression, table: Buffer) -> Expression:
        """Emit two permutations and a choice."""

        def half(begin: int) -> Expression:
            first, second = (table[T.Ramp(begin + at, 1, self.lanes)] for at in (0, self.lanes))
            return self._called(first, values, second)

        return T.Select(values < self._repeated(0), half(0), half(2 * self.lanes))


class Shuffles(Lookup):
    """Each row of the table by the lower 4 bits; 0 where what is left of the byte is negative.

    Row after row, 16 is taken from a byte of one sign: it counts until it is negative. So a row
    holds what it differs by from the one before it, and all that count make up the result.
    """

    def packed(self, table: Array) -> Array:
        """Of negative bytes, then of the others: rows of differences."""
        rows = table.view(np.uint8).reshape(2, -1, ROW)
        before = np.concatenate([np.zeros_like(rows[:, :1]), rows[:, :-1]], axis=1)
        return (rows ^ before).view(np.int8).ravel()

    def emit(self, values: Expression, table: Buffer) -> Expression:
        """Emit a shuffle for each row."""
        negative = T.Bind(values ^ self._repeated(-128))
        return self._half(negative, table, 0) ^ self._half(values, table, 8 * ROW)

    def _half(self, left: Expression, table: Buffer, begin: int) -> Expression:
        """The rows from `begin` on; 0 of negative bytes."""
        found = None
        for first in range(begin, begin + 8 * ROW, ROW):
            if first > begin:
                less = left, self._repeated(ROW)
                saturated = T.call_llvm_pure_intrin(f"int8x{self.lanes}", "llvm.ssub.sat", *less)
                left = T.Bind(saturated)
            entries = T.Bind(table[T.Ramp(first, 1, ROW)])
            order = [T.int32(n) for n in range(self.lanes)]
            repeated = tirx.Shuffle([entries] * (self.lanes // ROW), order)
            some = self._called(repeated, left)
            found = some if found is None else T.Bind(found ^ some)
        return found


class Quarters(Lookup):
    """Each quarter of the table, in four registers, by what a byte is beyond its first entry.

    Beyond 63 the instruction gives 0, so that all quarters make up the result.
    """

    def emit(self, values: Expression, table: Buffer) -> Expression:
        """Emit a lookup for each quarter."""
        unsigned = f"uint8x{self.lanes}"
        place = T.Bind(T.reinterpret(unsigned, values ^ self._repeated(-128)))
        found = None
        for begin in range(0, 16 * ROW, 4 * ROW):
            rows = (table[T.Ramp(begin + at, 1, ROW)] for at in range(0, 4 * ROW, ROW))
            beyond = place - tirx.Broadcast(T.uint8(begin), self.lanes)
            some = self._called(*rows, T.reinterpret(f"int8x{self.lanes}", beyond))
            found = some if found is None else T.Bind(found ^ some)
        return found


#: The best of each architecture first.
PATHS: tuple[Lookup, ...] = (
    Permutes("x86", "avx512vbmi", 64, "llvm.x86.avx512.vpermi2var.qi.512"),
    Shuffles("x86", "avx512bw", 64, "llvm.x86.avx512.pshuf.b.512"),
    Shuffles("x86", "avx2", 32, "llvm.x86.avx2.pshuf.b"),
    Shuffles("x86", "ssse3", 16, "llvm.x86.ssse3.pshuf.b.128"),
    Quarters("aarch64", "neon", 16, "llvm.aarch64.neon.tbl4.v16i8"),
)


def lookup_of(target: Target | None) -> Lookup | None:
    """The best path of a target of kind llvm; None where only single bytes are looked up."""
    if target is None:
        return None
    here = (path for path in PATHS if path.architecture == architecture(target))
    return next((path for path in here if target_has_features(path.feature, target)), None)
