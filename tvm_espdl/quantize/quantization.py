"""The way from a float network to integers: plan, measure, choose, recover.

Must never write a file or a report; it keeps all that those need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from onnx import ModelProto

from ..chips import Chip
from ..errors import ModelError
from ..onnx_graphs.constant_nodes import constants_to_initializers
from ..onnx_graphs.graph import Graph
from ..onnx_graphs.opset import raise_opset
from ..onnx_graphs.rewriting import opset_of
from ..samples import ProgressLine, Sample
from .assignment import Choice
from .calibration import measure_ranges
from .candidate import Candidate
from .clock import Clock
from .held_out import HeldOut
from .importance import layer_gains
from .layer_statistics import LayerStatistics
from .masks import additive_masks
from .methods import find_method, weighs_outputs
from .mixed import AUTO, Goal, Tradeoff, choose_int16
from .plan import Plan, make_plan
from .precision import check_widths, find_nodes, widen
from .recovery import Trial, default_steps, recover, select_steps
from .recurrent import has_layers, name_states
from .settled_exponents import Assignment
from .settling import settle, with_floats
from .softmax_inputs import SoftmaxInputs
from .weight_exponents import layer_weight_exponents
from .workbench import Workbench
from .workers import ordered_sums

#: The first ONNX operator set in which QuantizeLinear gives int16.
OPSET_OF_INT16 = 21


class NothingToQuantize(ModelError):
    """No rule takes any operator of a network; as float it may still be compiled."""


@dataclass(frozen=True)
class Options:
    """What the user chose; `quantize_onnx` says what each means."""

    activations: str
    weights: str
    per_channel: bool
    int16: tuple[str, ...]
    recover: tuple[str, ...] | None  #: None: the steps that are worth their time.
    hold_out: int
    goal: Goal = field(default_factory=Goal)  #: Where the automatic choice of int16 layers stops.
    float: tuple[str, ...] = ()
    #: Widths of the network's inputs, and of its outputs and what makes them; None: as it suits.
    input_bits: int | None = None
    output_bits: int | None = None
    stated: tuple[str, ...] = ()  #: Names of options that were given, where no value tells it.

    def check_names(self) -> None:
        """Refuse what nothing is called, before anything is computed.

        Raises EspdlError if there is no such method or step, or a goal without the choice that it
        ends.
        """
        find_method(self.activations)
        weighs_outputs(self.weights)
        if self.recover is not None:
            select_steps(self.recover)
        self.goal.check(AUTO in self.int16)


@dataclass(frozen=True, eq=False)
class Quantization:
    """A network with its integers chosen."""

    bench: Workbench  #: The network and what was measured of it.
    candidate: Candidate  #: What was chosen.
    trials: tuple[Trial, ...]  #: What became of each step that recovers accuracy.
    samples: int  #: How many samples were calibrated with.
    tradeoff: Tradeoff | None = None  #: Of int16 layers, where they were chosen automatically.

    def assignment(self, candidate: Candidate | None = None) -> Assignment:
        """The exponents of the chosen candidate, or of another one."""
        candidate = candidate or self.candidate
        return self.bench.of(candidate).assign(candidate)

    def write(self, candidate: Candidate | None = None) -> ModelProto:
        """The QDQ model of the chosen candidate, or of another one."""
        return self.bench.write(candidate or self.candidate)


@ordered_sums()
def quantize(
    prepared: ModelProto,
    samples: Iterable[Sample],
    chip: Chip,
    options: Options,
    *,
    exponents: Mapping[str, Mapping[int, int]] | None = None,
    clock: Clock | None = None,
    progress: ProgressLine | None = None,
) -> Quantization:
    """Choose the integers of a preprocessed float network, which is left as it is.

    The samples are as `read_samples` yields them, and read once; `exponents` are those of
    activations that are known beforehand, by the width of their integers; the clock is told how
    long calibration and search take, and the `progress` what is done.

    Raises an EspdlError of whichever kind fits: nothing to quantize, an unknown name, tensors that
    are not finite.
    """
    method, weighs = find_method(options.activations), weighs_outputs(options.weights)
    asked = None if options.recover is None else select_steps(options.recover)
    options.goal.check(AUTO in options.int16)
    prepared = additive_masks(name_states(prepared))
    wide = options.int16 or 16 in (options.input_bits, options.output_bits)
    if (wide or has_layers(prepared)) and opset_of(prepared) < OPSET_OF_INT16:
        prepared = raise_opset(prepared, OPSET_OF_INT16)
        constants_to_initializers(prepared)
    plan = _plan(prepared, options)
    steps = default_steps(plan, options.activations) if asked is None else asked
    statistics = LayerStatistics(plan)
    split = HeldOut(samples, options.hold_out)
    whole = {*plan.tensors(), *plan.unread_states}
    names = whole | {plan.sum_tensor(layer) for layer in plan.layers()}
    inputs = SoftmaxInputs.of(plan)
    clock = clock or Clock()
    with clock.phase("calibrate"):
        ranges = measure_ranges(
            prepared, split, names, statistics.observe, whole, counting=inputs.counting
        )
    plan = replace(plan, masked=frozenset(inputs.masked))
    progress = progress or ProgressLine()
    progress.stage("search: exponents of weights")
    weights = (
        layer_weight_exponents(plan, statistics, chip.rounding, per_channel=options.per_channel)
        if weighs
        else {}
    )
    gains = layer_gains(plan, statistics)
    choice = Choice(method, options.per_channel, weights, exponents or {}, inputs, gains)
    bench = Workbench(
        prepared,
        plan,
        chip,
        choice,
        ranges,
        statistics,
        split.searched,
        split.held_out,
        progress=progress,
    )
    bench = _settled(bench)
    tradeoff = None
    with clock.phase("search"):
        if AUTO in options.int16:
            bench, tradeoff = choose_int16(bench, steps, options.goal)
            bench = _settled(bench)
        candidate, trials = recover(bench, steps)
    return Quantization(bench.of(candidate), candidate, trials, split.count, tradeoff)


def _settled(bench: Workbench) -> Workbench:
    """The workbench of a network that can be computed, of the operator set that its widths need."""
    settled = settle(bench)
    check_widths(settled.plan)
    if not settled.plan.wide or opset_of(settled.model) >= OPSET_OF_INT16:
        return settled
    try:
        raised = raise_opset(settled.model, OPSET_OF_INT16)
    except ModelError:
        raised = settled.model
    constants_to_initializers(raised)
    graph = Graph(raised)
    before, after = ([node.output for node in g.nodes] for g in (settled.plan.graph, graph))
    if opset_of(raised) >= OPSET_OF_INT16 and before == after:
        return replace(settled, model=raised, plan=replace(settled.plan, graph=graph))
    why = "it would overflow in int8, and the model cannot be written in an operator set with int16"
    nodes = dict.fromkeys(settled.plan.only_wide, why)
    return _settled(settled.with_plan(with_floats(settled.plan, nodes)))


def _plan(prepared: ModelProto, options: Options) -> Plan:
    plan = make_plan(Graph(prepared))
    plan = replace(plan, input_bits=options.input_bits, output_bits=options.output_bits)
    _check_rules(plan)
    if options.float:
        every = range(len(plan.graph.nodes))
        found = {i for layer in options.float for i in find_nodes(plan, layer, "float", every)}
        nodes = sorted(found & plan.rules.keys())
        plan = with_floats(plan, dict.fromkeys(nodes, "it was asked for"))
        _check_rules(plan)
    return widen(plan, [layer for layer in options.int16 if layer != AUTO])


def _check_rules(plan: Plan) -> None:
    if not plan.rules:
        nodes = enumerate(plan.graph.nodes)
        reasons = {f"{node.op_type} ({plan.why_float(i)})" for i, node in nodes}
        raise NothingToQuantize(
            "the network holds no operator that can be quantized",
            where="the model",
            found=", ".join(sorted(reasons)),
            allowed="operators such as Conv, Gemm, Add, Relu, in float32 with constant weights",
            try_="change what the reasons name, and export the model in float32",
        )
