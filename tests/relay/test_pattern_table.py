"""Every entry of the pattern table matches its form, and no near miss of it."""

import importlib
import pkgutil

import numpy as np
import onnxruntime
import pattern_cases
import pytest
import tvm
from pattern_cases import CASES, FURTHER
from tvm import relax, relay

from tvm_espdl.chips import find_chip
from tvm_espdl.relay import lowering, patterns, transform
from tvm_espdl.relay.patterns import table
from tvm_espdl.relay.patterns.rules import form_rules
from tvm_espdl.report.log import PartitionLog

# Entries in the order in which they are tried, each with what tells it from others.
NAMES = [entry.name for entry in table()]


def module_of(form):
    return relay.frontend.from_onnx(form.model())[0] if form.importable else form.build()


def calls_of(form):
    """The calls that the importer makes: what a pattern that finds nothing should have named."""
    found = set()

    def visit(part):
        if isinstance(part, relax.Call) and isinstance(part.op, tvm.ir.Op):
            found.add(part.op.name)

    relax.analysis.post_order_visit(module_of(form)["main"], visit)
    return f"the importer makes {', '.join(sorted(found))}"


def partitioned(form):
    """Names of the entries that have taken something, and the rules that have refused something."""
    chip, log = find_chip(form.chip), PartitionLog()
    mod = transform.canonicalize(module_of(form))
    mod = transform.unify(mod, chip) if form.unified else mod
    found = transform.partition(mod, chip, log, without=lowering.CONVERSIONS)
    requantized = transform.Partition(transform.requantize_inputs(found.mod, chip), found.taken)
    again = transform.partition(requantized, chip, log)
    rules = {
        (reason.operator, reason.refusal.rule)
        for reasons in log.refused.values()
        for reason in reasons
    }
    return {taken.entry.name for taken in again.taken.values()}, rules


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES), sorted(n for n in NAMES if NAMES.count(n) > 1)


def test_every_entry_has_a_case():
    assert set(NAMES) == set(CASES), "tests/relay/pattern_cases: one case for each pattern"


@pytest.mark.parametrize(
    "family", [f.name for f in pkgutil.iter_modules(pattern_cases.__path__) if f.name != "forms"]
)
def test_cases_stand_where_their_entries_do(family):
    cases = importlib.import_module(f"{pattern_cases.__name__}.{family}")
    entries = importlib.import_module(f"{patterns.__name__}.{family}").patterns()
    assert set(cases.CASES) == {entry.name for entry in entries}


# Of the sixteen concatenations, the ends and one between.
ALIKE = {f"concat: of {count}" for count in range(3, 16)}


@pytest.mark.parametrize("name", [name for name in CASES if name not in ALIKE])
def test_entry_matches_its_form(name):
    case = CASES[name]
    taken, rules = partitioned(case.positive)
    if case.only_refuses:
        (entry,) = (entry for entry in table() if entry.name == name)
        refused = {operator for operator, _ in rules}
        assert entry.operator in refused, (rules, calls_of(case.positive))
    else:
        assert name in taken, (taken, rules, calls_of(case.positive))


NEAR = [
    pytest.param(name, form, id=f"{name}-{number}")
    for name, case in CASES.items()
    if name not in ALIKE
    for number, form in enumerate([case.near, *FURTHER.get(name, [])])
]
# Not those that only lack the last quantization, and whose operator TVM computes in float.
EVALUATED = [p for p in NEAR if p.values[1].exponent is not None]


@pytest.mark.parametrize(("name", "near"), NEAR)
def test_entry_leaves_a_near_miss(name, near):
    taken, rules = partitioned(near)
    assert name not in taken
    if near.rule:
        assert near.rule in {rule for _, rule in rules}


def test_every_rule_of_form_has_a_near_miss():
    # Of the report, for what no pattern meets; of values that others read, and of tensors without
    # elements, which no form here has.
    general = {"is_a_quantized_form", "has_an_operator", "result_is_only_quantized"}
    general |= {"tensors_have_elements"}
    refusing = [case.positive for case in CASES.values() if case.only_refuses]
    met = {p.values[1].rule for p in NEAR}
    met |= {rule for form in refusing for _, rule in partitioned(form)[1]}
    assert {rule.name for rule in form_rules()} - general <= met


def by_onnxruntime(model, inputs):
    """In floats, node by node: its own fusions of quantized nodes saturate otherwise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(zip((i.name for i in session.get_inputs()), inputs, strict=True)))


def by_tvm(mod, inputs):
    machine = relax.VirtualMachine(tvm.compile(mod, "llvm"), tvm.cpu())
    return [machine["main"](*map(tvm.runtime.tensor, inputs)).numpy()]


@pytest.mark.filterwarnings("ignore:no part of the network")
@pytest.mark.parametrize(("name", "near"), EVALUATED)
def test_near_miss_computes_what_the_model_says(name, near):
    if near.rule in ("indices_are_inside", "scattered_indices_are_inside"):
        pytest.skip("ONNX gives such indices no result")
    model = near.model() if near.importable else None
    mod = relay.frontend.from_onnx(model)[0] if near.importable else near.build()
    library = relay.build(mod, target=f"espressif/{near.chip}")
    program, rng = library.program, np.random.default_rng([5, *name.encode()])
    shapes = [program.values[value].shape for value in program.inputs]
    inputs = [rng.uniform(0.25, 3.5, shape).astype(np.float32) for shape in shapes]
    wanted = by_onnxruntime(model, inputs) if near.importable else by_tvm(mod, inputs)
    step = 2.0 ** max(near.exponent, -3)
    for expected, result in zip(wanted, library.run(inputs), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1.01 * step)
