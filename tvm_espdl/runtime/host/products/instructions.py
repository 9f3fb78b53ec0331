"""The dot products of CPUs, as data: which one a target has, and how image and weights must lie.

A path is never approximate: an instruction that saturates between products is not in the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from tvm import tirx
from tvm.target import Target
from tvm.target.codegen import llvm_version_major, target_has_features
from tvm.tirx.script import builder as T

from ..kernel import Expression

#: Since this release of LLVM its dot products of bytes take vectors of bytes.
_LLVM_WITH_BYTES = 22


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
        Sums (int32) in one vector.
    group : int
        Neighbouring products that one instruction adds to a sum.
    element : str
        Type of the image's copy.
    offset : int
        What the copy adds to each value of the image.
    registers : int
        Vector registers.
    intrinsic : str
        LLVM's name of the instruction.
    """

    name: str
    feature: str
    lanes: int
    group: int
    element: str
    offset: int
    registers: int
    intrinsic: str

    @property
    def weight(self) -> str:
        """Type of the packed weights."""
        return "int8" if self.group == 4 else "int16"

    def dot(self, sums: Expression, image: Expression, weights: Expression) -> Expression:
        """`sums` with `group` products added to each lane.

        Parameters
        ----------
        image, weights : expression
            `lanes * group` values of `element` and of `weight`.
        """
        kind = f"int32x{self.lanes}"
        if self.group == 2:
            return sums + T.call_llvm_pure_intrin(kind, self.intrinsic, image, weights)
        if llvm_version_major() < _LLVM_WITH_BYTES:
            image, weights = (T.reinterpret(kind, v) for v in (image, weights))
        return T.call_llvm_pure_intrin(kind, self.intrinsic, sums, image, weights)

    def repeated(self, image: Expression) -> Expression:
        """`group` values of the image, the same in every lane."""
        word = T.reinterpret("int32", image)
        kind = f"{self.element}x{self.lanes * self.group}"
        return T.reinterpret(kind, tirx.Broadcast(word, self.lanes))


#: The best first. `vpmaddubsw` is not among them: it saturates the sum of two products.
PATHS = (
    Instructions(
        "avx512vnni", "avx512vnni", 16, 4, "uint8", 128, 32, "llvm.x86.avx512.vpdpbusd.512"
    ),
    Instructions("avxvnni", "avxvnni", 8, 4, "uint8", 128, 16, "llvm.x86.avx512.vpdpbusd.256"),
    Instructions("avx512bw", "avx512bw", 16, 2, "int16", 0, 32, "llvm.x86.avx512.pmaddw.d.512"),
    Instructions("avx2", "avx2", 8, 2, "int16", 0, 16, "llvm.x86.avx2.pmadd.wd"),
)


def instructions_of(target: Target | None) -> Instructions | None:
    """The best path of a target of kind llvm; None where loops for any CPU are all there is."""
    if target is None:
        return None
    return next((p for p in PATHS if target_has_features(p.feature, target)), None)
