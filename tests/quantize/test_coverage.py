"""Every operator of ESP-DL is reached from a float network, with the exponents that it needs.

The cases are parts of a few networks for each chip and width, so that little is compiled.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from coverage_cases import CASES
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tvm_espdl import relay
from tvm_espdl.chips import find_chip
from tvm_espdl.compilation import compile_file
from tvm_espdl.ops import operators
from tvm_espdl.ops.base.function import FloatFunction
from tvm_espdl.ops.base.registry import declared
from tvm_espdl.program import Native
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.quantize.rules import RULES
from tvm_espdl.relay.lowering import program_for
from tvm_espdl.report.log import PartitionLog
from tvm_espdl.report.partition import report_of

SEED = 29
SAMPLES = 8
IN_ONE_NETWORK = 21

#: Chip, whether in int16, and which libraries are built: all, those of networks of which TVM
#: computes a part, or none. Where none is, the operators' references run.
BUILDS = {
    "esp32s3 int8": ("esp32s3", False, "all"),
    "esp32p4 int8": ("esp32p4", False, "none"),
    "esp32 int8": ("esp32", False, "none"),
    "esp32s3 int16": ("esp32s3", True, "none"),
    "esp32p4 int16": ("esp32p4", True, "mixed"),
    "esp32 int16": ("esp32", True, "none"),
}

#: Operators that no rule is for, with the reason.
WITHOUT_RULE = {}

#: Types of nodes that ESP-DL has no kernel for, with their operators.
OWN = {kind.form.onnx: kind for kind in declared() if kind.name and not kind.in_esp_dl()}

#: Noise that int16 may have more than int8, relative to the signal: float32 rounds as well.
FLOAT_NOISE = 1e-12

#: What is made for a chip serves all its tests, so they stay together.
each_build = pytest.mark.parametrize(
    "build",
    [
        pytest.param(build, marks=pytest.mark.xdist_group(chip))
        for build, (chip, _, _) in BUILDS.items()
    ],
)
each_chip = pytest.mark.parametrize(
    "chip",
    [pytest.param(chip, marks=pytest.mark.xdist_group(chip)) for chip, wide, _ in BUILDS.values()
     if wide],
)  # fmt: skip


def part(key, name):
    """What a tensor of a case is called in the network that it is a part of."""
    return f"{key}/{name}" if name else ""


def network_of(keys):
    nodes, inputs, outputs, constants = [], [], [], []
    for key in keys:
        for place, original in enumerate(CASES[key].nodes):
            node = NodeProto()
            node.CopyFrom(original)
            node.name = part(key, f"{place}")
            for names in (node.input, node.output):
                names[:] = [part(key, name) for name in names]
            nodes.append(node)
            outputs += [part(key, name) for name in original.output if name.startswith("y")]
        inputs += [(part(key, name), shape) for name, shape in CASES[key].shapes.items()]
        constants += [
            numpy_helper.from_array(np.asarray(value), part(key, name))
            for name, value in CASES[key].constants.items()
        ]
    graph = helper.make_graph(
        nodes,
        "cases",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=11)
    return onnx.shape_inference.infer_shapes(model)


def drawn(keys):
    """Inputs from a generator of their own for each: other cases change nothing."""
    samples = [{} for _ in range(SAMPLES)]
    for key in keys:
        for name, shape in CASES[key].shapes.items():
            rng = np.random.default_rng([SEED, *part(key, name).encode()])
            for sample in samples:
                values = np.maximum(rng.normal(size=shape), CASES[key].low)
                sample[part(key, name)] = values.astype(np.float32)
    return samples


def by_onnxruntime(model, samples):
    """Node by node: its fusions of quantized nodes saturate otherwise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return stacked([dict(zip(names, session.run(names, s), strict=True)) for s in samples])


def by_library(library, samples):
    runs = [library.run([sample[name] for name in library.input_names]) for sample in samples]
    return stacked([dict(zip(library.output_names, run, strict=True)) for run in runs])


def by_reference(program, samples):
    """What the operators' references give: nothing of what TVM's functions make."""
    found = []
    for sample in samples:
        values = dict(program.constants)
        for name, own in zip(program.inputs, program.input_names, strict=True):
            values[name] = sample[own]
        for step in program.steps:
            if not isinstance(step.operator, Native) and all(n in values for n in step.inputs):
                arrays = [*(values[name] for name in step.inputs), *step.constants]
                values[step.outputs[0]] = step.operator.reference(program.chip, *arrays)
        names = zip(program.outputs, program.output_names, strict=True)
        found.append({own: values[name] for name, own in names if name in values})
    return stacked(found)


def stacked(results):
    return {name: np.array([result[name] for result in results]) for name in results[0]}


@dataclass
class Outcome:
    """What became of all cases in one build.

    Attributes
    ----------
    nodes : list of NodeRow
        Where each node runs.
    operators : set of str
        What runs on ESP-DL.
    rows : dict of str to TensorRow
        The quantizer's report.
    reference, found, expected : dict of str to array
        The outputs in float, with the chip's bits, and of the quantized file in onnxruntime.
    """

    nodes: list = field(default_factory=list)
    operators: set = field(default_factory=set)
    rows: dict = field(default_factory=dict)
    reference: dict = field(default_factory=dict)
    found: dict = field(default_factory=dict)
    expected: dict = field(default_factory=dict)


@cache
def outcome(build):
    done, keys = Outcome(), sorted(CASES, key=lambda key: CASES[key].on_tvm)
    for first in range(0, len(keys), IN_ONE_NETWORK):
        _add(done, keys[first : first + IN_ONE_NETWORK], *BUILDS[build])
    return done


def _add(done, keys, chip, int16, built):
    model, samples = network_of(keys), drawn(keys)
    options = {"int16": "*" if int16 else (), "weights": "minmax", "recover": (), "hold_out": 0}
    result = quantize_onnx(model, samples, chip, measure=False, **options)
    onnxruntime.InferenceSession(result.model.SerializeToString())  # by its default options
    if built == "all" or (built == "mixed" and any(CASES[key].on_tvm for key in keys)):
        library = compile_file(result.model)
        program, report = library.program, library.report()
        done.found |= by_library(library, samples)
    else:
        log, target = PartitionLog(), find_chip(chip)
        program = program_for(relay.frontend.from_onnx(result.model)[0], target, log)
        report = report_of(program, log)
        done.found |= by_reference(program, samples)
    done.nodes += report.nodes
    done.operators |= {step.operator.name for step in program.steps}
    done.rows |= {row.name: row for row in result.report.rows}
    done.reference |= by_onnxruntime(model, samples)
    done.expected |= by_onnxruntime(result.model, samples)


def outputs(build):
    """Case, whether it is in int16, and name of each output that was computed."""
    for name in outcome(build).found:
        case = CASES[name.split("/")[0]]
        yield case, BUILDS[build][1] and not case.int8_only, name


def test_every_rule_has_a_case():
    assert {key.split(":")[0] for key in CASES} == set(RULES)


@each_build
def test_every_operator_is_reached(build):
    """In int8 a function of one value is a table of its 256 results, so it is not itself there."""
    missing = set(operators()) - outcome(build).operators
    if BUILDS[build][1]:
        assert missing == set(WITHOUT_RULE)
    else:
        missing -= set(WITHOUT_RULE)
        assert {
            name for name in missing if not issubclass(operators()[name], FloatFunction)
        } == set()
        assert "lut" in outcome(build).operators


@each_build
def test_operators_run_on_espdl(build):
    nodes = {key: [] for key in CASES}
    for node in outcome(build).nodes:
        nodes[node.name.split("/")[0]].append(node)
    for key, case in CASES.items():
        assert nodes[key], key
        for node in nodes[key]:
            definers = {"tvm-espdl"} if node.type in OWN else {"ESP-DL"}
            if issubclass(OWN.get(node.type, object), FloatFunction):
                definers.add("ESP-DL")  # as a table
            assert node.defined_by in ({"TVM"} if node.type in case.on_tvm else definers), node


@each_build
def test_outputs_are_as_near_to_float_as_their_widths_allow(build):
    """The signal-to-noise ratio in dB, on the samples that calibrated."""
    done, low = outcome(build), {}
    for case, wide, name in outputs(build):
        reference = done.reference[name].astype(np.float64)
        noise = ((reference - done.found[name]) ** 2).sum()
        if noise > (reference**2).sum() * 10 ** (-case.floors[wide] / 10):
            low[name] = 10 * np.log10((reference**2).sum() / noise)
    assert not low, f"seed {SEED}"


@each_chip
def test_int16_is_at_least_as_good_as_int8(chip):
    """For every operator; noise over signal, whatever the floors of the cases are."""
    done = [outcome(f"{chip} {width}") for width in ("int8", "int16")]
    worse = {}
    for name in done[0].found.keys() & done[1].found.keys():
        reference = done[0].reference[name].astype(np.float64)
        assert np.array_equal(reference, done[1].reference[name])
        narrow, wide = (
            float(((reference - one.found[name]) ** 2).sum() / (reference**2).sum()) for one in done
        )
        if wide > narrow + FLOAT_NOISE:
            worse[name] = narrow, wide
    compared = {name.split("/")[0] for name in done[0].found.keys() & done[1].found.keys()}
    assert compared >= {key for key, case in CASES.items() if not case.on_tvm}
    assert not worse, f"seed {SEED}"


@each_build
def test_widths_are_those_asked_for(build):
    done = outcome(build)
    for case, wide, name in outputs(build):
        if name in done.rows:
            assert done.rows[name].bits == (16 if wide or name in case.cells else 8), name


@each_build
def test_onnxruntime_computes_the_same_from_the_file(build):
    """But for ties, which some chips round up, and for what a case says."""
    done, far = outcome(build), {}
    for case, _, name in outputs(build):
        row = done.rows.get(name)
        step = max(case.grain[BUILDS[build][1]], 2.0 ** row.exponents[0] if row else 0)
        away = np.abs(done.found[name] - done.expected[name].astype(np.float64)).max()
        if away > case.steps * step:
            far[name] = away, step
    assert not far, f"seed {SEED}"
