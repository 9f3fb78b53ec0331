"""The debugger of the old flow: its graph, its dump folder, its nodes; names may be hostile."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tvm
from networks import digits_arrays, library
from qdq_builder import QdqBuilder
from tvm.contrib.debugger import debug_executor

from tvm_espdl.compilation import compile_file
from tvm_espdl.errors import DataError, OutputError
from tvm_espdl.files.dump_names import file_stem

GRAPH, PARAMS = "_tvmdbg_graph_dump.json", "output_tensors.params"
HOSTILE = ("a/b c", "../../\n\x1b[2J" + "ä" * 150, '"],{"', "tvmgen_default_fused_nn_relu")


def hostile(dtype=np.int8):
    """Several inputs and outputs, an operator with several results, and names of any kind."""
    builder = QdqBuilder(dtype)
    a, b, *_ = (builder.quantized_input(name, (1, 6, 3, 3)) for name in HOSTILE[:2])
    total = builder.qdq(builder.node("Add", a, b), -4)
    sizes = builder.constant(np.array([2, 4], np.int64))
    parts = builder.node("Split", total, sizes, outputs=2, axis=1)
    for part in parts:
        builder.output(builder.qdq(builder.node("Relu", builder.qdq(part, -4)), -4))
    model = builder.model()
    for old, new in zip(builder.outputs, HOSTILE[2:], strict=True):
        for node in model.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]
        for value in (*model.graph.output, *model.graph.value_info):
            value.name = new if value.name == old else value.name
    return model


def sample_of(network):
    source = np.random.default_rng(3)
    shapes = [network.program.values[name].shape for name in network.program.inputs]
    return [source.uniform(-8, 8, shape).astype(np.float32) for shape in shapes]


@pytest.fixture(params=[np.int8, np.int16])
def network(request):
    return compile_file(hostile(request.param), "esp32p4")


def debugger(network, **options):
    executor = debug_executor.GraphModuleDebug(
        network["debug_create"]("default", None), [None], network.graph_json, **options
    )
    for name, array in zip(network.input_names, sample_of(network), strict=True):
        executor.set_input(name, array)
    return executor


def test_the_graph_is_one_of_tvm(network):
    graph = json.loads(network.graph_json)
    nodes, rows = graph["nodes"], graph["node_row_ptr"]
    program = network.program
    assert [nodes[n]["op"] for n in graph["arg_nodes"]] == ["null"] * len(program.inputs)
    made = [node for node in nodes if node["op"] == "tvm_op"]
    assert [node["name"] for node in made] == [step.outputs[0] for step in program.steps]
    assert rows[0] == 0 and rows[-1] == len(graph["attrs"]["shape"][1])
    assert rows[-1] == len(graph["attrs"]["dltype"][1]) == len(program.values)
    for number, node in enumerate(nodes):
        outputs = int(node.get("attrs", {}).get("num_outputs", 1))
        assert rows[number + 1] - rows[number] == outputs
        tensor = program.values[node["name"]]
        assert graph["attrs"]["shape"][1][rows[number]] == list(tensor.shape)
        assert graph["attrs"]["dltype"][1][rows[number]] == tensor.dtype
        # Executors run the nodes in this order.
        assert all(source < number for source, _, _ in node["inputs"])
    heads = [(nodes[n]["name"], index) for n, index, _ in graph["heads"]]
    made_by = {o: (s.outputs[0], i) for s in program.steps for i, o in enumerate(s.outputs)}
    assert heads == [made_by[name] for name in program.outputs]


def test_the_dump_holds_every_tensor(network, tmp_path):
    root = tmp_path / "tvmdbg"
    executor = debugger(network, dump_root=str(root))
    assert [file.name for file in root.iterdir()] == [GRAPH]  # before the first run
    executor.run()
    expected = network.run_with_intermediates(*sample_of(network))
    graph = json.loads((root / GRAPH).read_text())
    named = {node["name"]: node for node in graph["nodes"]}
    stored = dict(tvm.runtime.load_param_dict((root / PARAMS).read_bytes()).items())
    keys = {str(key): value.numpy() for key, value in stored.items()}
    for number, (node, results) in enumerate(zip(graph["nodes"], graph["results"], strict=True)):
        for index, name in enumerate(results):
            array = keys.pop(f"{node['name']}____topo-index:{number}____output-num:{index}")
            np.testing.assert_array_equal(array, expected[name])
            np.testing.assert_array_equal(np.load(root / f"{file_stem(name)}.npy"), expected[name])
            np.testing.assert_array_equal(executor.debug_get_output(name).numpy(), expected[name])
        assert node["shape"] == list(expected[results[0]].shape)
        assert node["attrs"]["T"] == f"type: {expected[results[0]].dtype}"
        assert set(node["inputs"]) <= set(named)
    assert not keys
    assert {file.parent for file in root.rglob("*")} == {root}  # no name leaves the folder


def test_outputs_are_those_of_the_library(network):
    executor = debugger(network)
    executor.run()
    for index, array in enumerate(network(*sample_of(network))):
        np.testing.assert_array_equal(executor.get_output(index).numpy(), array)


def test_a_second_run_replaces_the_dump_and_nothing_else(tmp_path):
    network = library("digits", "esp32s3")
    images = digits_arrays()["images"]
    root = tmp_path / "tvmdbg"
    for image in images[:2]:
        executor = debug_executor.GraphModuleDebug(
            network["debug_create"]("default", None), None, "{}", dump_root=str(root)
        )
        executor.run(input=image[None])
        np.testing.assert_array_equal(
            np.load(root / "logits.npy"), network.run_with_intermediates(image[None])["logits"]
        )
    (root / "mine.npy").write_bytes(b"precious")
    with pytest.raises(OutputError, match="holds something else"):
        executor.run(input=images[:1])
    executor.exit()
    assert (root / "mine.npy").read_bytes() == b"precious"
    (root / "mine.npy").unlink()
    executor.exit()
    assert not root.exists()


def test_nodes_by_number_and_wrong_ones(network):
    executor = debugger(network)
    with pytest.raises(DataError, match="nothing was run"):
        executor.debug_get_output(HOSTILE[2])
    executor.run()
    graph = json.loads(network.graph_json)
    for number, node in enumerate(graph["nodes"]):
        np.testing.assert_array_equal(
            executor.debug_get_output(number).numpy(),
            executor.debug_get_output(node["name"]).numpy(),
        )
    for node in (len(graph["nodes"]), -1, None, "nobody"):
        with pytest.raises(DataError, match="no such tensor"):
            executor.debug_get_output(node)
    # A tensor of that name is there; TVM's other functions are not.
    assert executor.debug_get_output("tvmgen_default_fused_nn_relu") is not None
    with pytest.raises(DataError, match="no names here"):
        executor.debug_get_output("tvmgen_default_fused_nn_conv2d")
    with pytest.raises(DataError, match=r"float32 of shape \(1, 2\); allowed: int"):
        executor.debug_get_output(HOSTILE[2], tvm.nd.empty((1, 2), "float32"))


def test_each_node_takes_time(network):
    executor = debugger(network)
    seconds = executor.run_individual(3, 2)
    graph = json.loads(network.graph_json)
    assert len(seconds) == len(graph["nodes"])
    for node, each in zip(graph["nodes"], seconds, strict=True):
        assert each == 0 if node["op"] == "null" else 0 < each < 1
    assert sum(executor.run_individual(1, 1, min_repeat_ms=1)) > 0


def test_the_published_modules_are_lent():
    assert Path(sys.modules["tvm.contrib.debugger.debug_executor"].create.__module__).name == (
        "tvm_espdl.legacy.debug_executor"
    )
