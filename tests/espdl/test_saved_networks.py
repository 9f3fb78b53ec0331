"""Networks of our own as `.espdl` files: what is read back gives the library's bits.

The file is read by this package, whose reader is checked with Espressif's files.
"""

import networks
import numpy as np
import onnx
import pytest
from qdq_builder import QdqBuilder
from qdq_networks import PLAIN, floats, network, node

from tvm_espdl import relay
from tvm_espdl.cli import main
from tvm_espdl.compilation import compile_espdl, compile_file
from tvm_espdl.errors import DataError, ModelError, OutputError
from tvm_espdl.espdl import load
from tvm_espdl.espdl.edges import edges_of
from tvm_espdl.espdl.evidence import find
from tvm_espdl.espdl.from_program import model_of
from tvm_espdl.espdl.vectors import differences, inputs_of, outputs_of
from tvm_espdl.espdl.writing import file_of
from tvm_espdl.quantize import quantize_onnx
from tvm_espdl.version import __version__


def saved(library, folder, *given, **options):
    return load(library.save_espdl(folder / "network.espdl", *given, **options))


def assert_same_bits(library, file, samples):
    """The file's own outputs, from the integers that its inputs have in the library."""
    other = compile_espdl(file)
    edges = edges_of(library.program)
    for sample in samples:
        values = library.run_with_intermediates(*sample)
        results = other.run({edge.name: values[edge.value] for edge in edges.inputs})
        for edge, result in zip(edges.outputs, results, strict=True):
            assert np.array_equal(result, values[edge.value]), edge.name


@pytest.mark.parametrize("chip", networks.CHIPS)
def test_digits_give_the_same_bits(chip, tmp_path):
    library = networks.library("digits", chip)
    samples = networks.samples(library, 20, seed=3)
    file = saved(library, tmp_path, samples[0])
    assert_same_bits(library, file, samples)
    assert (find(file).chip.name, find(file).how) == (chip, "metadata")
    results = compile_espdl(file)(**inputs_of(file))
    assert differences(outputs_of(file), {"logits": results}) == []
    (given,) = file.model.graph.inputs
    assert (given.name, given.shape, given.doc) == ("input", (1, 8, 8, 1), "layout ==> NHWC")


def test_seed_network_gives_the_same_bits(models_dir, tmp_path):
    library = networks.library("seed", "esp32s3", models_dir)
    samples = networks.samples(library, 5, seed=3)
    file = saved(library, tmp_path, samples[0])
    assert_same_bits(library, file, samples)
    assert file.model.graph.outputs[0].dtype == "float32"


def test_file_says_what_it_is(tmp_path):
    library = networks.library("digits", "esp32p4")
    model = saved(library, tmp_path).model
    metadata = dict(model.metadata)
    assert len(metadata.pop("model_id")) == 16
    assert metadata == {
        "rounding": "half_even",
        "target": "esp32p4",
        "tool": "tvm-espdl",
        "tool_version": __version__,
    }
    assert (model.producer_name, model.producer_version) == ("tvm-espdl", __version__)
    assert not model.graph.test_inputs and not model.graph.test_outputs


def test_names_are_those_of_the_model(tmp_path):
    library = networks.library("digits", "esp32s3")
    graph = saved(library, tmp_path).model.graph
    assert [value.name for value in graph.inputs] == list(library.input_names)
    assert [value.name for value in graph.outputs] == list(library.output_names)
    own = {node.name for node in library.program.nodes}
    assert sum(node.name in own for node in graph.nodes) >= 9
    tensors = {node.tensor for node in library.program.nodes}
    assert sum(node.outputs[0] in tensors for node in graph.nodes) >= 9


def test_same_network_gives_the_same_bytes(tmp_path):
    library = networks.library("digits", "esp32s3")
    sample = networks.samples(library, 1, seed=1)[0]
    paths = [tmp_path / "one.espdl", tmp_path / "other.espdl"]
    for path in paths:
        library.save_espdl(path, sample, info=True, json=True)
    for suffix in (".espdl", ".info", ".json"):
        first, second = (path.with_suffix(suffix).read_bytes() for path in paths)
        assert first == second


def test_nothing_is_overwritten_unasked(tmp_path):
    library = networks.library("digits", "esp32s3")
    path = tmp_path / "network.espdl"
    path.with_suffix(".json").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        library.save_espdl(path, json=True)
    assert not path.exists()
    library.save_espdl(path, json=True, overwrite=True)
    assert path.with_suffix(".json").read_text() != "mine"
    with pytest.raises(OutputError, match="exists"):
        library.save_espdl(path)


def test_wrong_test_inputs_write_nothing(tmp_path):
    library = networks.library("digits", "esp32s3")
    with pytest.raises(DataError, match="wrong shape"):
        library.save_espdl(tmp_path / "network.espdl", np.zeros((1, 8, 8, 1), np.float32))
    assert list(tmp_path.iterdir()) == []


def build(builder, chip="esp32s3"):
    mod, params = relay.frontend.from_onnx(builder.model())
    return relay.build(mod, target=f"espressif/{chip}", params=params)


def random_samples(shape, count=3):
    rng = np.random.default_rng(5)
    return [[rng.normal(size=shape).astype(np.float32)] for _ in range(count)]


def test_what_is_not_registered_is_refused_and_not_written(tmp_path):
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 8))
    other = builder.weights(np.arange(8, dtype=np.int8).reshape(1, 8), -4)
    builder.output(builder.qdq(builder.node("Max", x, other), -4))
    library = build(builder)
    assert [step.operator.name for step in library.program.steps][1:-1] == ["maximum"]
    with pytest.raises(ModelError, match="registers this operator"):
        library.save_espdl(tmp_path / "network.espdl", info=True)
    assert list(tmp_path.iterdir()) == []


def test_what_tvm_compiles_is_refused_with_the_rule(tmp_path):
    """A sine, which no kernel has."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 4, 5, 5))
    builder.output(builder.qdq(builder.node("Sin", x), -4))
    library = build(builder)
    (reason, *_) = library.report().reasons
    with pytest.raises(ModelError, match="runtime cannot run a part") as refused:
        library.save_espdl(tmp_path / "network.espdl", info=True)
    assert reason.refusal.sentence in str(refused.value)
    assert reason.tensor in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["Add", "Mul", "Sub", "Div"])
def test_constants_have_the_layout_of_the_data(kind, tmp_path):
    """Of a convolution with as many channels as columns, whose constant could go either way."""
    builder = QdqBuilder()
    rng = np.random.default_rng(5)
    x = builder.quantized_input("x", (1, 3, 6, 6))
    weights = builder.weights(rng.integers(-9, 9, (6, 3, 1, 1)).astype(np.int8), -4)
    data = builder.qdq(builder.node("Conv", x, weights), -3)
    shape = (6, 1, 1) if kind in ("Add", "Div") else (1, 6, 1, 1)
    operand = rng.integers(20, 100, shape).astype(np.int8)
    builder.output(builder.qdq(builder.node(kind, data, builder.weights(operand, -3)), -3))
    library = build(builder)
    samples = random_samples((1, 3, 6, 6))
    file = saved(library, tmp_path, samples[0])
    (node,) = [node for node in file.model.graph.nodes if node.op_type == kind]
    stored = file.model.graph.initializers[node.inputs[1]]
    assert stored.dims[-1] == 6 and set(stored.dims[:-1]) <= {1}
    assert np.array_equal(stored.flat(), operand.ravel())
    assert_same_bits(library, file, samples)


@pytest.mark.parametrize(("chip", "columns"), [("esp32", 5), ("esp32s3", 40)])
def test_computed_factors_are_packed_by_nodes(columns, chip, tmp_path):
    """A product of x with itself, turned: the runtime reads the right factor in blocks."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 2, columns, 3))
    turned = builder.qdq(builder.node("Transpose", x, perm=[0, 1, 3, 2]), -4)
    builder.output(builder.qdq(builder.node("MatMul", x, turned), -3))
    library = build(builder, chip)
    samples = random_samples((1, 2, columns, 3))
    file = saved(library, tmp_path, samples[0])
    assert_same_bits(library, file, samples)
    once_more = model_of(compile_espdl(file).program, model_id="0")
    kinds = [node.op_type for node in file.model.graph.nodes]
    assert [node.op_type for node in load(file_of(once_more)).model.graph.nodes] == kinds


@pytest.mark.parametrize(("chip", "fits"), [("esp32s3", False), ("esp32p4", True)])
def test_bias_out_of_range_is_refused_not_clipped(chip, fits, tmp_path):
    """20 bits in the vectors of the S3."""
    builder = QdqBuilder()
    x = builder.quantized_input("x", (1, 1, 4, 4))
    weights = builder.weights(np.ones((16, 1, 1, 1), np.int8), -4)
    biases = np.full(16, 1 << 19, np.int32)
    data = builder.node("Conv", x, weights, builder.weights(biases, -8))
    builder.output(builder.qdq(data, 6))
    library = build(builder, chip)
    if fits:
        graph = saved(library, tmp_path).model.graph
        (node,) = [node for node in graph.nodes if node.op_type == "Conv"]
        assert np.array_equal(graph.initializers[node.inputs[2]].array(), biases)
        return
    with pytest.raises(ModelError, match=r"bias does not fit.*524288.*20 bits"):
        library.save_espdl(tmp_path / "network.espdl")
    assert list(tmp_path.iterdir()) == []


def test_sixteen_bits(tmp_path):
    """A network of int16, with a softmax, whose result is float."""
    builder = QdqBuilder(np.int16)
    rng = np.random.default_rng(5)
    x = builder.quantized_input("x", (1, 3, 5, 5), -9)
    weights = builder.weights(rng.integers(-9999, 9999, (10, 3, 3, 3)).astype(np.int16), -14)
    biases = builder.constant(rng.normal(size=10).astype(np.float32))
    data = builder.qdq(builder.node("Conv", x, weights, biases), -10)
    builder.output(builder.node("Softmax", data, axis=1))
    library = build(builder)
    samples = random_samples((1, 3, 5, 5))
    file = saved(library, tmp_path, samples[0])
    graph = file.model.graph
    kinds = {t.dtype for t in graph.initializers.values()}
    assert {"int16", "int64"} <= kinds
    assert {n.attributes["quant_type"].value for n in graph.nodes} == {"S16"}
    assert graph.test_outputs[0].dtype == "float32"
    assert_same_bits(library, file, samples)


def test_command_writes_a_file_that_shows_its_chip_and_passes(tmp_path, capsys):
    model, sample = tmp_path / "model.onnx", tmp_path / "sample.npy"
    onnx.save(networks.quantized_digits("esp32p4"), model)
    np.save(sample, networks.samples(networks.library("digits", "esp32p4"), 1, seed=2)[0][0])
    out = tmp_path / "digits.espdl"
    arguments = ["export", "--model_path", str(model), "--format", "espdl", "--out_path", str(out)]
    assert main([*arguments, "--img_path", str(sample), "--info", "--json"]) == 0
    assert main(["show", str(out)]) == 0
    assert "esp32p4 (metadata)" in capsys.readouterr().out
    assert main(["run", str(out)]) == 0
    assert "PASS: 1 stored test outputs on esp32p4" in capsys.readouterr().out
    assert out.with_suffix(".info").exists() and out.with_suffix(".json").exists()
    assert main(arguments) == 2
    assert main([*arguments, "--template_path", str(tmp_path)]) == 2
    assert "--format project" in capsys.readouterr().err


def test_frames_kept_between_runs_start_empty_in_the_test_vectors(models_dir, tmp_path):
    """Whatever the library has run before."""
    (path,) = (models_dir / "espdl").glob("*esp32s3_streaming_model.espdl")
    given = load(path)
    library = compile_espdl(given, "esp32s3")
    shapes = [library.program.values[name] for name in library.program.inputs]
    source = np.random.default_rng(3)
    sample = [source.integers(-99, 99, t.shape).astype(t.dtype) for t in shapes]
    first = library.run(sample)
    assert any((a != b).any() for a, b in zip(first, library.run(sample), strict=True))
    file = saved(library, tmp_path, sample)
    for stored, result in zip(file.model.graph.test_outputs, first, strict=True):
        assert np.array_equal(stored.array(), result)
    kinds = [node.op_type for node in file.model.graph.nodes]
    assert kinds.count("StreamingCache") == len(library.program.states) > 0


def test_command_rewrites_a_file(models_dir, tmp_path, capsys):
    given = models_dir / "quantized" / "digits_cnn" / "esp32s3_w8a8" / "digits_cnn.espdl"
    out = tmp_path / "again.espdl"
    arguments = ["export", "--model_path", str(given), "--format", "espdl", "--out_path", str(out)]
    assert main(arguments) == 0
    assert main(["run", str(out)]) == 0
    assert "PASS: 1 stored test outputs on esp32s3" in capsys.readouterr().out
    assert load(out).model.metadata["target"] == "esp32s3"
    library = compile_file(given)
    assert library.chip.name == "esp32s3"


@pytest.mark.parametrize("operator", ["Max", "Min"])
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_a_clip_of_one_side_is_saved(operator, dtype, tmp_path):
    """Relu, then Max with a constant: the open side has the limit of the type."""
    nodes = [node("Relu", "x", "r"), node(operator, "r c", "y")]
    float_model = network(nodes, {"x": (1, 4, 3, 5)}, {"y": None}, {"c": np.float32(0.5)})
    given = {"int16": ("*",)} if dtype == "int16" else {}
    result = quantize_onnx(float_model, floats(8, 4, 3, 5), chip="esp32p4", **PLAIN, **given)
    library = compile_file(result.model, "esp32p4")
    assert "clip" in [step.operator.name for step in library.program.steps]
    x = np.linspace(-3, 3, 60).astype(np.float32).reshape(1, 4, 3, 5)
    file = saved(library, tmp_path, x)
    assert_same_bits(library, file, [[x]])
    assert not differences(outputs_of(file), _results(file))


def _results(file):
    library = compile_espdl(file)
    return dict(zip(library.output_names, library.run(inputs_of(file)), strict=True))
