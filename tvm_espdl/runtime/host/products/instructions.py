"""The dot products of CPUs, as data: which one a target has, and how image and weights must lie.

A path is never approximate: an instruction that saturates between products is not in the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tvm import tirx
from tvm.target import Target
from tvm.target.codegen import llvm_version_major, target_has_features
from tvm.tirx.script import builder as T

from ..cpu import architecture
from ..kernel import Expression

#: Since this release of LLVM its dot products of bytes take vectors of bytes.
_LLVM_WITH_BYTES = 22


@dataclass(frozen=True)
class Names:
    """LLVM's names of the instructions for one width.

    Attributes
    ----------
    dot : str
        Adds products; "" where LLVM finds the instruction.
    magnitudes : str
        Adds products of magnitudes.
    halve, quarter : str
        Saturate two vectors of int32 to one of int16, two of int16 to one of int8; "" where LLVM
        finds the instruction.
    """

    dot: str
    magnitudes: str
    halve: str = ""
    quarter: str = ""


_PACKS = {
    16: ("llvm.x86.avx512.packssdw.512", "llvm.x86.avx512.packsswb.512"),
    8: ("llvm.x86.avx2.packssdw", "llvm.x86.avx2.packsswb"),
    4: ("llvm.x86.sse2.packssdw.128", "llvm.x86.sse2.packsswb.128"),
}
_BYTES = {n: f"llvm.x86.avx512.vpdpbusd.{n * 32}" for n in _PACKS}
_WORDS = {
    16: "llvm.x86.avx512.pmaddw.d.512",
    8: "llvm.x86.avx2.pmadd.wd",
    4: "llvm.x86.sse2.pmadd.wd",
}
_SDOT = "llvm.aarch64.neon.sdot.v4i32.v16i8", "llvm.aarch64.neon.udot.v4i32.v16i8"
#: Adds neighbours of as many int16, which are products of bytes.
_PAIRS, _OF_PAIRS = "llvm.aarch64.neon.saddlp.v4i32.v8i16", 8

#: By the architecture, the type of the image's copy, and how many products are added at once: by
#: the lanes of a vector, the widest first.
_NAMES = {
    ("x86", "uint8", 4): {n: Names(_BYTES[n], _BYTES[n], *_PACKS[n]) for n in _PACKS},
    ("x86", "int16", 2): {n: Names(_WORDS[n], _WORDS[n], *_PACKS[n]) for n in _PACKS},
    ("aarch64", "int8", 4): {4: Names(*_SDOT)},
    ("aarch64", "int8", 2): {8: Names(_PAIRS, _PAIRS)},
    ("aarch64", "int16", 1): {8: Names("", "")},
}


@dataclass(frozen=True)
class Instructions:
    """How a CPU adds products of int8.

    Attributes
    ----------
    name : str
        Of the path.
    architecture, feature : str
        Of the CPUs that have it: as `cpu.architecture` says, and what LLVM calls the feature.
    element : str
        Type of the image's copy.
    lanes : int
        Sums (int32) in the widest vector.
    group : int
        Neighbouring products that one instruction adds to a sum.
    registers : int
        Vectors of sums that the CPU's registers hold.
    """

    name: str
    architecture: str
    feature: str
    element: str
    lanes: int
    group: int
    registers: int

    @property
    def offset(self) -> int:
        """What the copy adds to each value of the image."""
        return 128 if self.element == "uint8" else 0

    @property
    def weight(self) -> str:
        """Type of the packed weights."""
        return "int16" if self.element == "int16" else "int8"

    @property
    def of_part(self) -> int:
        """Values of the copied image in 128 bits."""
        return 16 // np.dtype(self.element).itemsize

    @property
    def names(self) -> dict[int, Names]:
        """Instructions by the lanes of their vectors, the widest first."""
        names = _NAMES[self.architecture, self.element, self.group]
        return {lanes: its for lanes, its in names.items() if lanes <= self.lanes}

    @property
    def of_words(self) -> Instructions:
        """The path of the same CPU for int16; LLVM finds what multiplies and adds at once."""
        return replace(self, element="int16", group=2) if self.architecture == "x86" else _SMLAL

    def dot(self, lanes: int, sums: Expression, image: Expression, weights: Expression) -> Any:
        """`sums` with `group` products added to each lane.

        Parameters
        ----------
        image, weights : expression
            `lanes * group` values of `element` and of `weight`.
        """
        return self._added(self.names[lanes].dot, sums, image, weights)

    def dot_of_magnitudes(
        self, lanes: int, sums: Expression, image: Expression, weights: Expression
    ) -> Any:
        """The same with what `magnitude` and `weight_magnitude` give."""
        return self._added(self.names[lanes].magnitudes, sums, image, weights)

    def _added(
        self, name: str, sums: Expression, image: Expression, weights: Expression
    ) -> Expression:
        kind = f"int32x{sums.ty.dtype.lanes}"
        if self.architecture == "aarch64" and self.group == 2:
            return sums + _pairs(name, image, weights)
        if self.group == 1:
            return sums + T.Cast(kind, image) * T.Cast(kind, weights)
        if self.group == 2:
            return sums + T.call_llvm_pure_intrin(kind, name, image, weights)
        if self.architecture == "x86" and llvm_version_major() < _LLVM_WITH_BYTES:
            image, weights = (T.reinterpret(kind, v) for v in (image, weights))
        return T.call_llvm_pure_intrin(kind, name, sums, image, weights)

    @property
    def _of_magnitudes(self) -> str:
        return "int16" if self.element == "int16" else "uint8"

    def magnitude(self, image: Expression) -> Expression:
        """Magnitudes of a group of the copied image; bytes have no sign, for 128 is one of them."""
        value = T.Cast(f"int32x{self.group}", image)
        value = value - tirx.Broadcast(T.int32(self.offset), self.group)
        value = T.max(value, tirx.Broadcast(T.int32(0), self.group) - value)
        return T.Cast(f"{self._of_magnitudes}x{self.group}", value)

    def squared(self, image: Expression) -> tuple[Expression, Expression]:
        """Factors of a dot product that squares copied pixels; -128 may count as 128 times 127."""
        if not self.offset:
            return image, image
        lanes = image.ty.dtype.lanes
        value = T.Bind(image ^ tirx.Broadcast(T.uint8(128), lanes))
        unsigned = _magnitude_of_bytes(value)
        least = T.min(unsigned, tirx.Broadcast(T.uint8(127), lanes))
        return unsigned, T.reinterpret(f"int8x{lanes}", least)

    def weight_magnitude(self, weights: Expression) -> Expression:
        """Magnitudes of packed weights; where they must have a sign, 127 of -128."""
        lanes = self.lanes * self.group
        if self.element == "int8":
            return _magnitude_of_bytes(T.Bind(T.reinterpret(f"uint8x{lanes}", weights)))
        least = tirx.Broadcast(tirx.const(-127, self.weight), lanes)
        weights = T.max(weights, least)
        return T.max(weights, tirx.Broadcast(tirx.const(0, self.weight), lanes) - weights)

    def repeated(self, image: Expression) -> Expression:
        """`group` values of the image, or magnitudes of them, the same in every lane."""
        if self.group == 1:
            return tirx.Broadcast(image, self.lanes)
        size = self.group * np.dtype(self.element).itemsize
        word = T.reinterpret(f"int{8 * size}", image)
        element = str(image.ty.dtype).partition("x")[0]
        kind = f"{element}x{self.lanes * self.group}"
        return T.reinterpret(kind, tirx.Broadcast(word, self.lanes))

    def narrowed(self, first: Expression, second: Expression) -> Expression:
        """Two vectors of int32 as one of int16, or two of int16 as one of int8, saturated.

        On x86, in each 128 bits of the result elements of the first stand before those of the
        second.
        """
        bits, lanes = first.ty.dtype.bits // 2, 2 * first.ty.dtype.lanes
        kind = f"int{bits}x{lanes}"
        if self.architecture == "x86":
            names = self.names[lanes * bits // 32]
            name = names.halve if bits == 16 else names.quarter
            return T.call_llvm_pure_intrin(kind, name, first, second)
        value = T.Bind(tirx.Shuffle([first, second], [T.int32(n) for n in range(lanes)]))
        highest, lowest = (
            tirx.Broadcast(tirx.const(n, f"int{2 * bits}"), lanes)
            for n in ((1 << (bits - 1)) - 1, -(1 << (bits - 1)))
        )
        return T.Cast(kind, T.max(T.min(value, highest), lowest))


def _pairs(name: str, image: Expression, weights: Expression) -> Expression:
    """Sums of two neighbouring products of bytes, int32."""
    many = image.ty.dtype.lanes
    product = T.Bind(T.Cast(f"int16x{many}", image) * T.Cast(f"int16x{many}", weights))
    sums = []
    for begin in range(0, many, _OF_PAIRS):
        order = [T.int32(n) for n in range(begin, begin + _OF_PAIRS)]
        part = T.Bind(tirx.Shuffle([product], order))
        sums.append(T.Bind(T.call_llvm_pure_intrin(f"int32x{_OF_PAIRS // 2}", name, part)))
    return tirx.Shuffle(sums, [T.int32(n) for n in range(many // 2)])


def _magnitude_of_bytes(value: Expression) -> Expression:
    """Magnitudes as bytes without a sign, of bytes with one that are given as `uint8`."""
    lanes = value.ty.dtype.lanes
    negative = tirx.Broadcast(T.uint8(0), lanes) - value
    signed = (T.Bind(T.reinterpret(f"int8x{lanes}", v)) for v in (value, negative))
    # As unsigned bytes, the magnitude of -128 is right.
    return T.reinterpret(f"uint8x{lanes}", T.Bind(T.max(*signed)))


#: The best of each architecture first. `vpmaddubsw` is not among them: it saturates the sum of two
#: products.
PATHS = (
    Instructions("avx512vnni", "x86", "avx512vnni", "uint8", 16, 4, 32),
    Instructions("avxvnni", "x86", "avxvnni", "uint8", 8, 4, 16),
    Instructions("avx512bw", "x86", "avx512bw", "int16", 16, 2, 32),
    Instructions("avx2", "x86", "avx2", "int16", 8, 2, 16),
    Instructions("dotprod", "aarch64", "dotprod", "int8", 4, 4, 32),
    Instructions("neon", "aarch64", "neon", "int8", 8, 2, 16),
)


_SMLAL = Instructions("smlal", "aarch64", "neon", "int16", 8, 1, 16)


def instructions_of(target: Target | None) -> Instructions | None:
    """The best path of a target of kind llvm; None where loops for any CPU are all there is."""
    if target is None:
        return None
    here = (p for p in PATHS if p.architecture == architecture(target))
    return next((p for p in here if target_has_features(p.feature, target)), None)
