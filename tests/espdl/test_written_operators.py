"""Random operators of every kind, written to a file and read again: the same bits on every chip.

What the runtime registers no module for is refused, and nothing else is.
"""

import numpy as np
import pytest
from random_operators import GENERATORS, count, records

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ModelError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.from_program import model_of
from tvm_espdl.espdl.rewriting import REGISTERED
from tvm_espdl.espdl.to_program import program_of as program_of_file
from tvm_espdl.espdl.writing import file_of
from tvm_espdl.ops import Tensor, operators
from tvm_espdl.ops.base.registry import declared
from tvm_espdl.program import Program, Step, reference

CHIPS = ("esp32", "esp32s3", "esp32p4")
CASES = 4
TRIES = 60


def test_forms_declare_the_nodes_that_are_registered():
    for kind in declared():
        form = kind.form
        assert form.espdl in (None, form.onnx), kind
        assert (form.onnx in REGISTERED) == (form.espdl is not None), kind


def program_of(record):
    """A network of one operator; a record says by itself which inputs must be constant."""
    operator = record.operator
    names = tuple(f"x{place}" for place in range(len(operator.inputs)))
    fixed = {
        name: array
        for name, array, tensor in zip(names, record.samples[0], operator.inputs, strict=True)
        if is_constant(operator, name) or not tensor.shape
    }
    step = Step(operator, names, ("y",), record.constants, ("y",))
    values = dict(zip(names, operator.inputs, strict=True)) | {"y": operator.output}
    inputs = tuple(name for name in names if name not in fixed)
    return Program(record.chip, values, inputs, ("y",), (step,), fixed, inputs, ("y",))


#: Where the chip keeps fewer bits of a bias than its type has.
BIAS_BITS = {
    ("pie_v1", "int8", True): 20,
    ("pie_v1", "int16", True): 40,
    ("pie_v1", "int16", False): 40,
    ("pie_v2", "int16", False): 40,
}


def expected_refusal(record):
    """What the message says where the runtime cannot run a record."""
    operator = record.operator
    if operator.form is not None and operator.form.espdl is None:
        return "registers this operator"
    if getattr(operator, "axes", None) in ((), []) and operator.name.startswith("reduce"):
        return "a reduction over no axis"
    if operator.name.startswith("depthwise") and operator.w.shape[0] == 1:
        return "of one channel"
    if getattr(operator, "b", None) in operator.constants and len(record.constants) == 2:
        bias, lanes = record.constants[1], record.chip.lanes(operator.x.dtype)
        full = len(bias) if "depthwise" in operator.name else len(bias) // (lanes or 1) * lanes
        for part, in_lanes in ((bias[:full], True), (bias[full:], False)):
            bits = BIAS_BITS.get((record.chip.family, operator.x.dtype, in_lanes), 64)
            if any(abs(int(v) + 0.5) > 2 ** (bits - 1) for v in part):
                return "bias does not fit"
    return ""


def is_constant(operator, name):
    place = "ab"[int(name[1:])] if name in ("x0", "x1") else ""
    return getattr(operator, f"{place}_is_constant", False)


def written(program):
    return load(file_of(model_of(program, model_id="0")))


def allowed_records(name, chip):
    """Records that a chip runs; of operators that it hardly ever takes, from more tries."""
    for tries in (count(CASES), TRIES):
        made = records(name, chip, tries, samples=2, seed=4)
        allowed = [record for record in made if not record.operator.refusals(record.chip)]
        fitting = [record for record in allowed if program_of(record).inputs]
        if fitting:
            return fitting[: count(CASES)]
    raise AssertionError("no case passes the chip's rules")


def assert_same_bits(record, program):
    file = written(program)
    graph = file.model.graph
    assert {node.op_type for node in graph.nodes} <= REGISTERED
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)
    again = program_of_file(file, record.chip)
    for sample, expected in zip(record.samples, record.references(), strict=True):
        arrays = {f"x{place}": array for place, array in enumerate(sample)}
        if all(np.array_equal(arrays[name], a) for name, a in program.constants.items()):
            given = {name: arrays[name] for name in program.inputs}
            found = reference.outputs(again, given)["y"]
            assert found.dtype == expected.dtype, record.label
            assert np.array_equal(found, expected, equal_nan=True), record.label


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_the_bits_are_the_same(name, chip):
    for record in allowed_records(name, chip):
        program, refusal = program_of(record), expected_refusal(record)
        if not record.operator.output.shape:
            refusal = "cannot hold"
        if refusal:
            with pytest.raises(ModelError, match=refusal):
                model_of(program, model_id="0")
        else:
            assert_same_bits(record, program)


@pytest.mark.parametrize(
    ("name", "dtypes", "change", "has_table"),
    [
        ("sigmoid", ("int8", "int8"), 0, True),
        ("sigmoid", ("int8", "int8"), -2, True),
        ("sigmoid", ("int16", "int16"), 0, False),
        ("relu", ("int8", "int8"), 0, False),
        ("relu", ("int8", "int8"), 1, True),
    ],
)
def test_functions_of_int8_come_with_their_table(name, dtypes, change, has_table):
    """The runtime computes no function of int8; only a Relu that changes no exponent is one."""
    x, y = Tensor(dtypes[0], (1, 5), -5), Tensor(dtypes[1], (1, 5), -5 + change)
    values = {"x": x, "y": y}
    step = Step(operators()[name](x, y), ("x",), ("y",), (), ("y",))
    program = Program(find_chip("esp32s3"), values, ("x",), ("y",), (step,), {}, ("x",), ("y",))
    nodes = model_of(program, model_id="0").graph.nodes
    (node,) = (node for node in nodes if node.op_type == name.title())
    assert ("lut" in node.attributes) == has_table
