"""From a program to its estimate: time and memory, node by node, with the error that they have.

It ties together what its neighbours find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ..chips import Chip
from ..ops import Operator
from ..program import Program
from ..program.kernels import Kernel, Preference, check_preference
from .counting import check_counted
from .cycles import Counts, Prices, counts_of, priced, prices_of
from .factors import Calibration
from .layout import Layout, layout_of, moved
from .machine import Machine, Settings, machine_of

#: What is said of portable kernels, and of chips whose latencies nobody has published.
_ROUGH_PERCENT = 50.0
#: What is said of functions that TVM compiles.
_NATIVE_PERCENT = 100.0
#: Settings that change prices beyond those of the fit.
_FITTED_SETTINGS = ("weights", "tensors", "internal_ram", "clock_mhz", "filters")


@dataclass(frozen=True)
class NodeEstimate:
    """One call, in the order of execution.

    Attributes
    ----------
    tensor, operator : str
        The model's name of its result, and what computes it.
    kernel : str
        `esp-dl`, `portable` or `tvm`.
    milliseconds : float
        Of one run.
    share : float
        Of all of them, 0 to 1.
    parts : mapping of str to float
        Milliseconds: `instructions`, `constants`, `tensors`, `inner cache`, `call`.
    macs : int
        Multiply-accumulates.
    fetched_bytes : float
        From flash and PSRAM.
    flash_bytes, live_bytes : int
        Its read-only data; what of the arena is in use while it runs.
    shape, dtype : tuple of int, str
        Of the result.
    reads, writes : tuple of str
        Values of the program.
    covers : tuple of str
        Tensors of the model that it computes on its way.
    extrapolates : str
        Why its figure is rougher than the others; empty where it is not.
    slices : int
        Parts of its output channels, one after the other; 1 where all come together.
    """

    tensor: str
    operator: str
    kernel: Kernel
    milliseconds: float
    share: float
    parts: Mapping[str, float]
    macs: int
    fetched_bytes: float
    flash_bytes: int
    live_bytes: int
    shape: tuple[int, ...]
    dtype: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    covers: tuple[str, ...]
    extrapolates: str = ""
    slices: int = 1

    @property
    def described(self) -> str:
        """The operator, with its slices."""
        return f"{self.operator}, {self.slices} slices" if self.slices > 1 else self.operator


@dataclass(frozen=True)
class Figures:
    """What an estimate says, before it is shown.

    Attributes
    ----------
    program : Program
        What was estimated.
    machine : Machine
        The chip and its settings.
    settings : Settings
        What a user has stated of them.
    layout : Layout
        Where everything lies.
    counts : tuple of Counts
        What each step does.
    kernels : str
        What the project prefers: `auto`, `esp-dl` or `portable`.
    calibration : Calibration or None
        Factors of the user's own board.
    """

    program: Program
    machine: Machine
    settings: Settings
    layout: Layout
    counts: tuple[Counts, ...]
    kernels: Preference = "auto"
    calibration: Calibration | None = None

    @cached_property
    def nodes(self) -> tuple[NodeEstimate, ...]:
        """All calls; those that nothing is left of to run take no time."""
        parts = [self.priced(counts) for counts in self.counts]
        total = sum(sum(part.values()) for part in parts)
        return tuple(_node(self, index, part, total) for index, part in enumerate(parts))

    def priced(self, counts: Counts) -> dict[str, float]:
        """Cycles of a call that does so much, by what they go to."""
        factors = self.calibration or Calibration(self.chip.name)
        return priced(counts, self.machine, self.layout.weights, factors)

    @property
    def prices(self) -> Prices:
        """What cycles are made of."""
        return prices_of(self.chip)

    @property
    def chip(self) -> Chip:
        """The chip."""
        return self.machine.chip

    @cached_property
    def milliseconds(self) -> float:
        """One inference, single core, caches cold."""
        return sum(node.milliseconds for node in self.nodes)

    @cached_property
    def error_percent(self) -> float:
        """What the estimate is off by on average, over families of networks it had not seen.

        Rougher parts count with what is said of them, by their share of the time.
        """
        if self.calibration is not None:
            return self.calibration.calls_percent
        own = self.prices.error_percent if self.prices.fitted else _ROUGH_PERCENT
        errors = {"esp-dl": own, "portable": _ROUGH_PERCENT, "tvm": _NATIVE_PERCENT}
        found = sum(node.share * max(own, errors[node.kernel]) for node in self.nodes)
        return round(found if self.milliseconds else own, 1)

    @property
    def internal_ram_bytes(self) -> int:
        """Static arrays of the network in internal memory, the caller's buffers apart."""
        return self.layout.internal_bytes

    @property
    def psram_bytes(self) -> int:
        """PSRAM: the arena where it is there, and constants where they are copied there."""
        return self.layout.psram_bytes

    @property
    def flash_bytes(self) -> int:
        """Constants of the network in flash; code apart."""
        return self.layout.flash_bytes

    @property
    def left_bytes(self) -> int:
        """Internal memory that is left for the application; negative where it does not fit."""
        return self.machine.internal_bytes - self.internal_ram_bytes - self.layout.buffer_bytes

    @cached_property
    def extrapolations(self) -> tuple[str, ...]:
        """Sentences on what makes the figures rougher than their error says."""
        found = []
        if not self.prices.fitted and self.calibration is None:
            found.append(
                f"no latency of {self.chip.name} is published: instructions are counted, cycles "
                "per instruction are assumed"
            )
        odd = [name for name in self.settings.stated if name not in _FITTED_SETTINGS]
        if odd:
            found.append(f"{', '.join(odd)} as stated: no published latency has them so")
        sliced = sum(node.share for node in self.nodes if node.slices > 1)
        if sliced >= 0.005 and self.calibration is None:
            found.append(
                f"{sliced:.0%} of the time is of convolutions in slices of their channels, which "
                "were simulated: no published latency has them so"
            )
        rough = [node for node in self.nodes if node.extrapolates and node.milliseconds]
        share = sum(node.share for node in rough)
        if share >= 0.005:
            names = ", ".join(dict.fromkeys(node.operator for node in rough))
            found.append(f"{share:.0%} of the time is of kernels that are rougher: {names}")
        if unknown := self.layout.unknown_workspaces:
            found.append(f"memory that {', '.join(unknown)} of TVM work in is not counted")
        return tuple(found)


def wanted_machine(chip: Chip, settings: Settings, kernels: Preference = "auto") -> Machine:
    """The chip as it is set, once all that is asked of it is known to make sense.

    Raises EspdlError as `figures_of`.
    """
    check_preference(kernels)
    check_counted(kernels, chip)
    return machine_of(chip, settings)


def figures_of(
    program: Program,
    settings: Settings | None = None,
    kernels: Preference = "auto",
    *,
    like: Figures | None = None,
    calibration: Calibration | None = None,
    workspaces: Mapping[int, int] | None = None,
) -> Figures:
    """The figures of a program.

    Parameters
    ----------
    settings : Settings, optional
        What a user states; the rest is as exported projects have it.
    kernels : str
        What the project prefers: `auto`, `esp-dl` or `portable`.
    like : Figures, optional
        Of the same program for the same kernels: what does not depend on the settings is taken
        from there.
    calibration : Calibration, optional
        Factors of the user's own board.
    workspaces : mapping of int to int, optional
        Bytes that functions of TVM work in, by their step, as far as they are known.

    Raises
    ------
    EspdlError
        If a setting makes no sense, there is no such preference for kernels, or what it calls on
        the chip was not counted.
    """
    stated = settings or Settings()
    machine = wanted_machine(program.chip, stated, kernels)
    if like is not None:
        layout = moved(like.layout, program, machine)
        same = layout.plan is like.layout.plan and machine.caches == like.machine.caches
        same = same and machine.filters == like.machine.filters
        counts = like.counts if same else counts_of(program, layout, machine, kernels)
    else:
        layout = layout_of(program, machine, kernels, workspaces)
        counts = counts_of(program, layout, machine, kernels)
    return Figures(program, machine, stated, layout, counts, kernels, calibration)


def _node(figures: Figures, index: int, parts: Mapping[str, float], total: float) -> NodeEstimate:
    program, layout, counts = figures.program, figures.layout, figures.counts[index]
    step = program.steps[index]
    result, operator = program.values[step.outputs[0]], step.operator
    cycles, each = sum(parts.values()), 1000 / figures.machine.clock_hz
    return NodeEstimate(
        tensor=step.outputs[0],
        operator=operator.name,
        kernel=counts.kernel,
        milliseconds=cycles * each,
        share=cycles / total if total else 0.0,
        parts={name: value * each for name, value in parts.items()},
        macs=operator.macs if isinstance(operator, Operator) else 0,
        fetched_bytes=counts.fills.filter + counts.fills.activation,
        flash_bytes=layout.constant_bytes[index],
        live_bytes=layout.live_bytes[index],
        shape=result.shape,
        dtype=result.dtype,
        reads=step.inputs,
        writes=step.outputs,
        covers=step.covers,
        extrapolates=_rougher(counts),
        slices=counts.slices,
    )


def _rougher(counts: Counts) -> str:
    if counts.kernel == "tvm":
        return "by name and types"
    if counts.kernel == "portable":
        return "cycles assumed" if counts.counted else "not counted"
    return "" if counts.counted else "like other shapes"
