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
from .cycles import Cost, Prices, costs_of, prices_of
from .layout import Layout, layout_of
from .machine import Machine, Settings, machine_of

#: What is said of portable kernels, and of chips whose latencies nobody has published.
_ROUGH_PERCENT = 50.0
#: What is said of functions that TVM compiles.
_NATIVE_PERCENT = 100.0
#: Settings that change prices beyond those of the fit.
_FITTED_SETTINGS = ("weights", "tensors", "clock_mhz")


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


@dataclass(frozen=True)
class Figures:
    """What an estimate says, before it is shown.

    Attributes
    ----------
    program : Program
        What was estimated.
    machine : Machine
        The chip and its settings.
    stated : tuple of str
        Names of the settings that a user has stated.
    layout : Layout
        Where everything lies.
    nodes : tuple of NodeEstimate
        All calls; those that nothing is left of to run take no time.
    prices : Prices
        What cycles are made of.
    kernels : str
        What the project prefers: `auto`, `esp-dl` or `portable`.
    """

    program: Program
    machine: Machine
    stated: tuple[str, ...]
    layout: Layout
    nodes: tuple[NodeEstimate, ...]
    prices: Prices
    kernels: Preference = "auto"

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
        if not self.prices.fitted:
            found.append(
                f"no latency of {self.chip.name} is published: instructions are counted, cycles "
                "per instruction are assumed"
            )
        odd = [name for name in self.stated if name not in _FITTED_SETTINGS]
        if odd:
            found.append(f"{', '.join(odd)} as stated: no published latency has them so")
        rough = [node for node in self.nodes if node.extrapolates and node.milliseconds]
        share = sum(node.share for node in rough)
        if share >= 0.005:
            names = ", ".join(dict.fromkeys(node.operator for node in rough))
            found.append(f"{share:.0%} of the time is of kernels that are rougher: {names}")
        return tuple(found)


def figures_of(
    program: Program, settings: Settings | None = None, kernels: Preference = "auto"
) -> Figures:
    """The figures of a program.

    Raises
    ------
    EspdlError
        If a setting makes no sense, or there is no such preference for kernels.
    """
    check_preference(kernels)
    stated = settings or Settings()
    machine = machine_of(program.chip, stated)
    layout = layout_of(program, machine, kernels)
    costs = costs_of(program, layout, machine, kernels)
    total = sum(cost.cycles for cost in costs)
    each = 1000 / machine.clock_hz
    nodes = tuple(
        _node(program, layout, index, cost, milliseconds=cost.cycles * each, all_cycles=total)
        for index, cost in enumerate(costs)
    )
    prices = prices_of(program.chip)
    return Figures(program, machine, stated.stated, layout, nodes, prices, kernels)


def _node(
    program: Program,
    layout: Layout,
    index: int,
    cost: Cost,
    *,
    milliseconds: float,
    all_cycles: float,
) -> NodeEstimate:
    step = program.steps[index]
    result, operator = program.values[step.outputs[0]], step.operator
    each = milliseconds / cost.cycles if cost.cycles else 0.0
    return NodeEstimate(
        tensor=step.outputs[0],
        operator=operator.name,
        kernel=cost.kernel,
        milliseconds=milliseconds,
        share=cost.cycles / all_cycles if all_cycles else 0.0,
        parts={name: cycles * each for name, cycles in cost.parts.items()},
        macs=operator.macs if isinstance(operator, Operator) else 0,
        fetched_bytes=cost.fills.filter + cost.fills.activation,
        flash_bytes=layout.constant_bytes[index],
        live_bytes=layout.live_bytes[index],
        shape=result.shape,
        dtype=result.dtype,
        reads=step.inputs,
        writes=step.outputs,
        covers=step.covers,
        extrapolates=_rougher(cost),
    )


def _rougher(cost: Cost) -> str:
    if cost.kernel == "tvm":
        return "a function that TVM compiles is estimated by its name and types"
    if cost.kernel == "portable":
        if cost.counted:
            return "a portable kernel: instructions are counted, not its cycles"
        return "a portable kernel whose instructions were not counted"
    return "" if cost.counted else "ESP-DL's kernel was not counted with such shapes"
