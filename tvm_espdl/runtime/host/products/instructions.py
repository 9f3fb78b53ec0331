"""The dot products of CPUs, as data: which one a target has, and how image and weights must lie.

A path is never approximate: an instruction that saturates between products is not in the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tvm import tirx
from tvm.target import Target
from tvm.target.codegen import llvm_version_major, target_has_features
from tvm.tirx.script import builder as T

from ..kernel import Expression

#: Since this release of LLVM its dot products of bytes take vectors of bytes.
_LLVM_WITH_BYTES = 22


@dataclass(frozen=True)
class Names:
    """LLVM's names of the instructions for one width.

    Attributes
    ----------
    dot : str
        Adds products.
    halve, quarter : str
        Saturate two vectors of int32 to one of int16, two of int16 to one of int8, in each 128 bits
        of the result those of the first vector before those of the second.
    """

    dot: str
    halve: str
    quarter: str


_PACKS = {
    16: ("llvm.x86.avx512.packssdw.512", "llvm.x86.avx512.packsswb.512"),
    8: ("llvm.x86.avx2.packssdw", "llvm.x86.avx2.packsswb"),
    4: ("llvm.x86.sse2.packssdw.128", "llvm.x86.sse2.packsswb.128"),
}
_BYTES = {
    16: "llvm.x86.avx512.vpdpbusd.512",
    8: "llvm.x86.avx512.vpdpbusd.256",
    4: "llvm.x86.avx512.vpdpbusd.128",
}
_WORDS = {
    16: "llvm.x86.avx512.pmaddw.d.512",
    8: "llvm.x86.avx2.pmadd.wd",
    4: "llvm.x86.sse2.pmadd.wd",
}


@dataclass(frozen=True)
class Instructions:
    """How a CPU adds products of int8.

    Attributes
    ----------
    name : str
        Of the path.
    feature : str
        What LLVM calls the CPU's feature that it needs.
    lanes : int
        Sums (int32) in the widest vector.
    group : int
        Neighbouring products that one instruction adds to a sum.
    registers : int
        Vector registers.
    """

    name: str
    feature: str
    lanes: int
    group: int
    registers: int

    @property
    def element(self) -> str:
        """Type of the image's copy."""
        return "uint8" if self.group == 4 else "int16"

    @property
    def offset(self) -> int:
        """What the copy adds to each value of the image."""
        return 128 if self.group == 4 else 0

    @property
    def weight(self) -> str:
        """Type of the packed weights."""
        return "int8" if self.group == 4 else "int16"

    @property
    def names(self) -> dict[int, Names]:
        """Instructions by the lanes of their vectors, the widest first."""
        dots = _BYTES if self.group == 4 else _WORDS
        widths = (n for n in dots if n <= self.lanes)
        return {n: Names(dots[n], *_PACKS[n]) for n in widths}

    @property
    def of_words(self) -> Instructions:
        """The same path for int16; LLVM finds the instruction that multiplies and adds."""
        return replace(self, group=2)

    def dot(self, lanes: int, sums: Expression, image: Expression, weights: Expression) -> Any:
        """`sums` with `group` products added to each lane.

        Parameters
        ----------
        image, weights : expression
            `lanes * group` values of `element` and of `weight`.
        """
        kind, name = f"int32x{lanes}", self.names[lanes].dot
        if self.group == 2:
            return sums + T.call_llvm_pure_intrin(kind, name, image, weights)
        if llvm_version_major() < _LLVM_WITH_BYTES:
            image, weights = (T.reinterpret(kind, v) for v in (image, weights))
        return T.call_llvm_pure_intrin(kind, name, sums, image, weights)

    def magnitude(self, image: Expression) -> Expression:
        """Magnitudes of a group of the copied image, of the same type."""
        value = T.Cast(f"int32x{self.group}", image)
        value = value - tirx.Broadcast(T.int32(self.offset), self.group)
        value = T.max(value, tirx.Broadcast(T.int32(0), self.group) - value)
        return T.Cast(f"{self.element}x{self.group}", value)

    def squared(self, image: Expression) -> tuple[Expression, Expression]:
        """Factors of a dot product that squares copied pixels; -128 counts as 128 times 127."""
        if self.group == 2:
            return image, image
        lanes = image.ty.dtype.lanes
        value = T.Bind(image ^ tirx.Broadcast(T.uint8(128), lanes))
        negative = tirx.Broadcast(T.uint8(0), lanes) - value
        signed = (T.Bind(T.reinterpret(f"int8x{lanes}", v)) for v in (value, negative))
        # As unsigned bytes, the magnitude of -128 is right.
        magnitude = T.Bind(T.max(*signed))
        unsigned = T.reinterpret(f"uint8x{lanes}", magnitude)
        least = T.min(unsigned, tirx.Broadcast(T.uint8(127), lanes))
        return unsigned, T.reinterpret(f"int8x{lanes}", least)

    def weight_magnitude(self, weights: Expression) -> Expression:
        """Magnitudes of packed weights, of the same type: 127 of -128."""
        lanes = self.lanes * self.group
        least = tirx.Broadcast(tirx.const(-127, self.weight), lanes)
        weights = T.max(weights, least)
        return T.max(weights, tirx.Broadcast(tirx.const(0, self.weight), lanes) - weights)

    def repeated(self, image: Expression) -> Expression:
        """`group` values of the image, the same in every lane."""
        word = T.reinterpret("int32", image)
        kind = f"{self.element}x{self.lanes * self.group}"
        return T.reinterpret(kind, tirx.Broadcast(word, self.lanes))


#: The best first. `vpmaddubsw` is not among them: it saturates the sum of two products.
PATHS = (
    Instructions("avx512vnni", "avx512vnni", 16, 4, 32),
    Instructions("avxvnni", "avxvnni", 8, 4, 16),
    Instructions("avx512bw", "avx512bw", 16, 2, 32),
    Instructions("avx2", "avx2", 8, 2, 16),
)


def instructions_of(target: Target | None) -> Instructions | None:
    """The best path of a target of kind llvm; None where loops for any CPU are all there is."""
    if target is None:
        return None
    return next((p for p in PATHS if target_has_features(p.feature, target)), None)
