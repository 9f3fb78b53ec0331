"""Files read, written and read again: Espressif's own, as models and through compiled programs.

TVM_ESPDL_ALL=1 takes every file through the compiler, else one for each operator, and the small
networks. ESP-PPQ's own FlatBuffers classes look at the result where it is installed.
"""

import functools
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from published import chip_of_path, inputs_for

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ModelError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.from_program import model_of
from tvm_espdl.espdl.schema import DTYPES
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.writing import file_of
from tvm_espdl.ops.reshape import Reshape
from tvm_espdl.ops.transpose import Transpose
from tvm_espdl.program import Native, reference
from tvm_espdl.relay.frontend.espdl import module_of
from tvm_espdl.relay.lowering import program_for

ALL = os.environ.get("TVM_ESPDL_ALL") == "1"
LARGEST_FILE = 70_000

# Two networks for the P4 have a PReLU whose products wrap, as they do on the chip.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*PC follows the chip:tvm_espdl.errors.EspdlWarning"
)


def all_files(models_dir):
    paths = sorted(
        path
        for pattern in ("espdl/*.espdl", "espdl-ops/*.espdl", "quantized/*/*/*.espdl")
        for path in models_dir.glob(pattern)
    )
    assert len(paths) > 150
    return paths


def some_files(models_dir):
    """One for each operator, of one chip after the other, and the small networks."""
    if ALL:
        return all_files(models_dir)
    operators, networks = {}, []
    for path in all_files(models_dir):
        if "__" in path.name:
            operators.setdefault(path.name.split("__")[1], []).append(path)
        elif path.stat().st_size < LARGEST_FILE:
            networks.append(path)
    single = [paths[at % len(paths)] for at, paths in enumerate(operators.values())]
    return [*single, *networks]


def compiled(file, chip):
    return program_for(module_of(file, chip), chip)


@functools.cache
def written(path):
    """A file, its chip, and it written through a compiled program; None where it is refused."""
    file, chip = load(path), find_chip(chip_of_path(path))
    program = compiled(file, chip)
    if any(isinstance(step.operator, Native) for step in program.steps):
        with pytest.raises(ModelError, match="runtime cannot run a part of the network"):
            model_of(program, model_id="0")
        return file, chip, None
    return file, chip, load(file_of(model_of(program, model_id="0")))


def essence(program):
    """What is computed: records without moves, int8 functions as the tables that they are."""
    found = []
    for step in program.steps:
        operator = step.operator
        if isinstance(operator, (Reshape, Transpose)):
            continue
        x = operator.inputs[0]
        if len(operator.inputs) == 1 and x.dtype == "int8" and x.shape == operator.output.shape:
            every = np.resize(np.arange(-128, 128).astype(np.int8), max(256, *x.shape))
            if operator.name in ("clip", "lut", "sigmoid", "relu"):
                table = operator.reference(program.chip, every[:256], *step.constants)
                found.append(("function", x, operator.output, table.tobytes()))
                continue
        constants = [array.tobytes() for array in step.constants]
        fixed = [program.constants.get(name, b"") for name in step.inputs]
        found.append((operator.to_json(), constants, [bytes(array) for array in fixed]))
    return found


def ends(program):
    return {name: program.values[name] for name in program.inputs}, program.output_names


def test_a_model_is_written_as_it_was_read(models_dir):
    for path in all_files(models_dir):
        model = load(path).model
        data = file_of(model)
        assert load(data).model == model, path.name
        assert int.from_bytes(data[8:12], "little") == len(data) - 16


def test_compiled_networks_are_the_same_operators(models_dir):
    refused = 0
    for path in some_files(models_dir):
        file, chip, again = written(path)
        if again is None:
            refused += 1
            continue
        before, after = program_of(file, chip), program_of(again, chip)
        assert essence(before) == essence(after), path.name
        assert ends(before) == ends(after), path.name
    assert refused >= 2


def test_compiled_networks_give_the_same_bits(models_dir):
    for path in some_files(models_dir):
        file, chip, again = written(path)
        if again is None:
            continue
        inputs = inputs_for(file)
        before, after = (reference.outputs(program_of(f, chip), inputs) for f in (file, again))
        for value in file.model.graph.outputs:
            assert np.array_equal(before[value.name], after[value.name]), path.name


def test_the_second_trip_changes_nothing(models_dir):
    for path in some_files(models_dir):
        _, chip, again = written(path)
        # A clip leaves its limits behind where it has become a table.
        if again is not None and all(n.op_type != "Clip" for n in again.model.graph.nodes):
            once_more = file_of(model_of(compiled(again, chip), model_id="0"))
            assert once_more == file_of(again.model), path.name


@pytest.fixture(scope="module")
def esp_ppq_model():
    """ESP-PPQ's class of models, without importing the package itself, which needs PyTorch."""
    found = importlib.util.find_spec("esp_ppq")
    if found is None or found.origin is None:
        pytest.skip("no esp-ppq: pip install --no-deps esp-ppq==1.3.12")
    sys.path.insert(0, str(Path(found.origin).parent / "parser" / "espdl"))
    try:
        from FlatBuffers.Dl.Model import Model

        yield Model
    finally:
        sys.path.pop(0)


def test_esp_ppq_reads_what_is_written(models_dir, esp_ppq_model):
    compared = 0
    for path in some_files(models_dir):
        _, _, again = written(path)
        if again is None:
            continue
        model = again.model
        theirs = esp_ppq_model.GetRootAs(file_of(model)[16:], 0)
        compare(model, theirs)
        compared += 1
    assert compared > 20


def compare(model, theirs):
    """Every node, attribute, constant and value, one by one."""
    graph, other = model.graph, theirs.Graph()
    props = [theirs.MetadataProps(i) for i in range(theirs.MetadataPropsLength())]
    assert {p.Key().decode(): p.Value().decode() for p in props} == model.metadata
    assert other.NodeLength() == len(graph.nodes)
    for i, node in enumerate(graph.nodes):
        given = other.Node(i)
        assert given.OpType().decode() == node.op_type
        assert given.Name().decode() == node.name
        inputs = [given.Input(j).decode() for j in range(given.InputLength())]
        outputs = [given.Output(j).decode() for j in range(given.OutputLength())]
        assert (tuple(inputs), tuple(outputs)) == (node.inputs, node.outputs)
        read = {
            given.Attribute(j).Name().decode(): content(given.Attribute(j))
            for j in range(given.AttributeLength())
        }
        assert read == {name: a.value for name, a in node.attributes.items()}
    assert other.InitializerLength() == len(graph.initializers)
    for i, tensor in enumerate(graph.initializers.values()):
        given = other.Initializer(i)
        assert given.Name().decode() == tensor.name
        assert DTYPES[given.DataType()] == tensor.dtype
        assert tuple(given.Dims(j) for j in range(given.DimsLength())) == tensor.dims
        exponents = tuple(given.Exponents(j) for j in range(given.ExponentsLength()))
        assert exponents == tensor.exponents
        blocks = [given.RawData(j).BytesAsNumpy() for j in range(given.RawDataLength())]
        data = b"".join(bytes(block) for block in blocks)
        assert data == tensor.data.ljust(len(data), b"\0") and len(data) - len(tensor.data) < 16
    for i, value in enumerate(graph.values.values()):
        given = other.ValueInfo(i)
        assert given.Name().decode() == value.name
        assert tuple(given.Exponents(j) for j in range(given.ExponentsLength())) == value.exponents


def content(attribute):
    """The value of one of ESP-PPQ's attributes."""
    kind = attribute.AttrType()
    if kind == 1:
        return attribute.F().F()
    if kind == 2:
        return attribute.I().I()
    if kind == 3:
        return attribute.SAsNumpy().tobytes().decode()
    assert kind == 7
    return tuple(attribute.Ints(i) for i in range(attribute.IntsLength()))
