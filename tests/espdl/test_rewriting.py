"""Files that are read and written again: complete attributes, a chip, a name for every node."""

import dataclasses

import pytest
from published import chip_of_path
from small_models import addition, attributes, convolution, model, value, write

from tvm_espdl.chips import find_chip
from tvm_espdl.errors import ModelError
from tvm_espdl.espdl import Node, load
from tvm_espdl.espdl.evidence import find
from tvm_espdl.espdl.rewriting import REGISTERED, rewritten
from tvm_espdl.espdl.to_program import program_of
from tvm_espdl.espdl.writing import file_of

S3 = find_chip("esp32s3")


def again(model_, chip=S3):
    return load(file_of(rewritten(load(write(model_)), chip))).model


def one_node(op_type, shape=(1, 4, 4, 3), **given):
    node = Node(op_type, ("x",), ("y",), attributes(**given))
    return model([node], [value("x", shape, -3), value("y", shape, -3)], ["x"], ["y"])


def values_of(node):
    return {name: attribute.value for name, attribute in node.attributes.items()}


@pytest.mark.filterwarnings("ignore:.*PC follows the chip:tvm_espdl.errors.EspdlWarning")
def test_calls_of_every_file_stay_what_they_are(models_dir):
    paths = [*models_dir.glob("espdl-ops/*.espdl"), *models_dir.glob("espdl/*.espdl")]
    assert len(paths) > 150
    for path in sorted(paths):
        if path.stat().st_size > 200_000:
            continue
        file, chip = load(path), find_chip(chip_of_path(path))
        new = load(file_of(rewritten(file, chip)))
        before, after = program_of(file, chip), program_of(new, chip)
        assert [_called(s) for s in before.steps] == [_called(s) for s in after.steps], path.name
        assert before.values == after.values
        assert _constants(before) == _constants(after), path.name
        assert find(new).how == "metadata"
        assert find(new).chip.family == chip.family
        assert new.model.graph.test_inputs == file.model.graph.test_inputs


def _constants(program):
    of_steps = [array.tobytes() for step in program.steps for array in step.constants]
    return of_steps, {name: array.tobytes() for name, array in program.constants.items()}


def _called(step):
    function = getattr(step.operator, "function", step.operator)
    return function, step.inputs, step.outputs, step.covers


def test_attributes_that_the_runtime_reads_are_written_out():
    bare = convolution()
    (node,) = bare.graph.nodes
    node = dataclasses.replace(node, attributes=attributes(activation="Relu"))
    bare = dataclasses.replace(bare, graph=dataclasses.replace(bare.graph, nodes=(node,)))
    (full,) = again(bare).graph.nodes
    assert values_of(full) == {
        "activation": "Relu",
        "dilations": (1, 1),
        "group": 1,
        "pads": (0, 0, 0, 0),
        "quant_type": "S8",
        "strides": (1, 1),
    }


def test_axes_are_counted_from_the_front_and_nodes_get_names():
    (node,) = again(one_node("Transpose", (1, 3, 3, 3), perm=(0, -1, 1, 2))).graph.nodes
    assert values_of(node)["perm"] == (0, 3, 1, 2)
    assert node.name == "y"


def test_metadata_are_kept_and_added_to():
    metadata = again(addition(metadata={"author": "someone", "target": "esp32s3"})).metadata
    assert metadata["author"] == "someone"
    assert (metadata["target"], metadata["rounding"]) == ("esp32s3", "half_up")
    assert again(addition()).metadata["model_id"] != again(convolution()).metadata["model_id"]
    p4 = again(addition(), find_chip("esp32p4")).metadata
    assert (p4["target"], p4["rounding"]) == ("esp32p4", "half_even")


def test_what_the_runtime_cannot_run_is_refused():
    assert "Max" not in REGISTERED
    largest = dataclasses.replace(addition().graph.nodes[0], op_type="Max")
    graph = dataclasses.replace(addition().graph, nodes=(largest,))
    with pytest.raises(ModelError, match=r"registers this operator.*'sum' \(Max\)|'sum' \(Max\)"):
        again(dataclasses.replace(addition(), graph=graph))


def test_eight_bit_weights_of_16_bit_data_are_refused(models_dir):
    path = models_dir / "quantized" / "digits_cnn" / "esp32p4_w8a16" / "digits_cnn.espdl"
    with pytest.raises(ModelError, match="W8A16"):
        rewritten(load(path), find_chip("esp32p4"))
