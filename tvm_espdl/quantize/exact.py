"""The one door from the quantizer to the compiler: networks that run with the chip's exact bits.

TVM is loaded when a network is built, never before. It only runs what was decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..onnx_graphs.graph import Array
from ..samples import Sample

if TYPE_CHECKING:
    from onnx import ModelProto

    from ..program import Program
    from ..runtime.executor import Executor, Watch


def build_exact(
    models: Sequence[ModelProto],
    chip: str | None = None,
    more: Callable[[Program], Sequence[ModelProto]] | None = None,
) -> list[ExactNetwork]:
    """Compile QDQ networks with power-of-two scales; variants of one network share their kernels.

    All are for one chip, by default the one that the first was quantized for; `more` gives, from
    the program of the first, further networks to compile with them. Raises ModelError or ChipError,
    as `relay.build` does, if a network cannot be compiled.
    """
    from ..compilation import compile_variants  # loads TVM

    return [ExactNetwork(executor) for executor in compile_variants(models, chip, more)]


class ExactNetwork:
    """A compiled quantized network that runs on this PC with a chip's bits."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def program(self) -> Program:
        """The network as the list of its calls."""
        return self._executor.program

    @property
    def output_names(self) -> tuple[str, ...]:
        """As the model has them."""
        return self.program.output_names

    @property
    def identity(self) -> str:
        """The name of exactly this network on exactly this chip."""
        from ..program.identity import identity

        return identity(self.program)

    def footprint(self) -> tuple[int, int]:
        """Bytes of read-only data and of the arena in an exported project.

        Raises ModelError if a part of the network cannot be exported.
        """
        from ..codegen.sources import generate

        sources = generate(self.program, "")
        return sources.constant_bytes, sources.plan.arena_bytes

    def outputs(self, sample: Sample, watch: Watch | None = None) -> dict[str, Array]:
        """The network's outputs for one sample, in the model's names, types and layouts.

        `watch` sees every value of the program, as the chip holds it, and may replace it. Raises
        DataError if an input is missing, or has another shape or dtype.
        """
        from ..runtime.feeding import feed

        types = [self.program.values[name] for name in self.program.inputs]
        arrays = feed(sample, self.program.input_names, types, {})
        found, _ = self._executor.run(arrays, watch=watch)
        return dict(zip(self.output_names, found, strict=True))
